#include "crypto/dh.h"

#include <array>

#include <openssl/obj_mac.h>

#include "crypto/library.h"
#include "dataplane/base/check.h"

namespace viaduct::crypto {

namespace {

/// One MODP group: the prime, ready for Montgomery multiplication. Read by any thread.
struct ModpGroup {
    BigNumber p;
    BigNumber p_minus_1;
    BigNumber g;
    Owner<BN_MONT_CTX, BN_MONT_CTX_free> mont;
};

struct EcpGroup {
    Owner<EC_GROUP, EC_GROUP_free> curve;
    BigNumber n_minus_1;
};

BnContext new_context() {
    BnContext context{BN_CTX_secure_new()};
    VIADUCT_CHECK(context != nullptr);
    return context;
}

BigNumber number(BytesView bytes) {
    BigNumber out{BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)};
    VIADUCT_CHECK(out != nullptr);
    return out;
}

/// For numbers that are secret: operations on them take constant time, the memory is wiped.
BigNumber secret_number(BytesView bytes) {
    auto out = number(bytes);
    BN_set_flags(out.get(), BN_FLG_CONSTTIME);
    return out;
}

Bytes padded(const BIGNUM* value, std::size_t length) {
    Bytes out(length);
    VIADUCT_CHECK(BN_bn2binpad(value, out.data(), static_cast<int>(length)) ==
                  static_cast<int>(length));
    return out;
}

BIGNUM* prime_of(DhGroup group) {
    switch (group) {
    case DhGroup::modp768:
        return BN_get_rfc2409_prime_768(nullptr);
    case DhGroup::modp1024:
        return BN_get_rfc2409_prime_1024(nullptr);
    case DhGroup::modp1536:
        return BN_get_rfc3526_prime_1536(nullptr);
    case DhGroup::modp2048:
        return BN_get_rfc3526_prime_2048(nullptr);
    case DhGroup::modp3072:
        return BN_get_rfc3526_prime_3072(nullptr);
    case DhGroup::modp4096:
        return BN_get_rfc3526_prime_4096(nullptr);
    case DhGroup::ecp256:
    case DhGroup::ecp384:
    case DhGroup::ecp521:
        return nullptr;
    }
    return nullptr;
}

ModpGroup make_modp(DhGroup group) {
    ModpGroup out;
    out.p.reset(prime_of(group));
    VIADUCT_CHECK(out.p != nullptr);
    out.p_minus_1.reset(BN_dup(out.p.get()));
    out.g.reset(BN_new());
    out.mont.reset(BN_MONT_CTX_new());
    const auto context = new_context();
    VIADUCT_CHECK(out.p_minus_1 != nullptr && out.g != nullptr && out.mont != nullptr);
    VIADUCT_CHECK(BN_sub_word(out.p_minus_1.get(), 1) == 1 && BN_set_word(out.g.get(), 2) == 1 &&
                  BN_MONT_CTX_set(out.mont.get(), out.p.get(), context.get()) == 1);
    return out;
}

EcpGroup make_ecp(int curve) {
    EcpGroup out;
    out.curve.reset(EC_GROUP_new_by_curve_name_ex(Library::get().context(), nullptr, curve));
    VIADUCT_CHECK(out.curve != nullptr);
    out.n_minus_1.reset(BN_dup(EC_GROUP_get0_order(out.curve.get())));
    VIADUCT_CHECK(out.n_minus_1 != nullptr && BN_sub_word(out.n_minus_1.get(), 1) == 1);
    return out;
}

/// All groups, built at the first use and never changed.
struct Groups {
    std::array<ModpGroup, 6> modp{make_modp(DhGroup::modp768),
                                  make_modp(DhGroup::modp1024),
                                  make_modp(DhGroup::modp1536),
                                  make_modp(DhGroup::modp2048),
                                  make_modp(DhGroup::modp3072),
                                  make_modp(DhGroup::modp4096)};
    std::array<EcpGroup, 3> ecp{
        make_ecp(NID_X9_62_prime256v1), make_ecp(NID_secp384r1), make_ecp(NID_secp521r1)};

    static const Groups& get() {
        static const Groups groups;
        return groups;
    }
};

/// nullptr for an ECP group.
const ModpGroup* modp_group(DhGroup group) {
    const auto& modp = Groups::get().modp;
    switch (group) {
    case DhGroup::modp768:
        return &modp[0];
    case DhGroup::modp1024:
        return &modp[1];
    case DhGroup::modp1536:
        return &modp[2];
    case DhGroup::modp2048:
        return &modp[3];
    case DhGroup::modp3072:
        return &modp[4];
    case DhGroup::modp4096:
        return &modp[5];
    case DhGroup::ecp256:
    case DhGroup::ecp384:
    case DhGroup::ecp521:
        return nullptr;
    }
    return nullptr;
}

const EcpGroup& ecp_group(DhGroup group) {
    const auto& ecp = Groups::get().ecp;
    if (group == DhGroup::ecp256) {
        return ecp[0];
    }
    return group == DhGroup::ecp384 ? ecp[1] : ecp[2];
}

Bytes modp_power(const ModpGroup& group, const BIGNUM* base, BytesView exponent, std::size_t size) {
    const auto context = new_context();
    const auto x = secret_number(exponent);
    const BigNumber result{BN_new()};
    VIADUCT_CHECK(result != nullptr);
    VIADUCT_CHECK(
        BN_mod_exp_mont_consttime(
            result.get(), base, x.get(), group.p.get(), context.get(), group.mont.get()) == 1);
    return padded(result.get(), size);
}

Bytes random_exponent(DhGroup group, Random& random) {
    auto out = random.bytes(info(group).private_bits / 8);
    out[0] |= 0x80U;
    return out;
}

/// Even in [1, n-1]: 64 bits more than the order has, modulo n-1, plus 1 (FIPS 186-5, A.2.1).
Bytes random_scalar(DhGroup group, Random& random) {
    const auto& ecp = ecp_group(group);
    const auto scalar_bytes = info(group).shared_bytes;
    const Secret wide{random.bytes(scalar_bytes + 8)};
    const auto context = new_context();
    const auto value = secret_number(wide.view());
    const BigNumber result{BN_new()};
    VIADUCT_CHECK(result != nullptr &&
                  BN_mod(result.get(), value.get(), ecp.n_minus_1.get(), context.get()) == 1 &&
                  BN_add_word(result.get(), 1) == 1);
    return padded(result.get(), scalar_bytes);
}

Bytes ecp_public(DhGroup group, BytesView scalar) {
    const auto* curve = ecp_group(group).curve.get();
    const auto context = new_context();
    const auto x = secret_number(scalar);
    const EcPoint point{EC_POINT_new(curve)};
    VIADUCT_CHECK(point != nullptr);
    VIADUCT_CHECK(EC_POINT_mul(curve, point.get(), x.get(), nullptr, nullptr, context.get()) == 1);
    // The uncompressed form is 4 | x | y; RFC 5903, section 7, wants x | y.
    Bytes out(1 + info(group).public_bytes);
    VIADUCT_CHECK(EC_POINT_point2oct(curve,
                                     point.get(),
                                     POINT_CONVERSION_UNCOMPRESSED,
                                     out.data(),
                                     out.size(),
                                     context.get()) == out.size());
    out.erase(out.begin());
    return out;
}

Result<Secret> modp_shared(DhGroup id, const DhKeyPair& own, BytesView peer_public) {
    const auto& group = *modp_group(id);
    const auto y = number(peer_public);
    if (BN_is_zero(y.get()) || BN_is_one(y.get()) || BN_cmp(y.get(), group.p_minus_1.get()) >= 0) {
        return failure("peer's Diffie-Hellman public value is out of range");
    }
    return Secret{modp_power(group, y.get(), own.private_key.view(), info(id).shared_bytes)};
}

Result<Secret> ecp_shared(DhGroup id, const DhKeyPair& own, BytesView peer_public) {
    const auto* curve = ecp_group(id).curve.get();
    const auto context = new_context();
    const EcPoint peer{EC_POINT_new(curve)};
    const EcPoint shared{EC_POINT_new(curve)};
    const auto d = secret_number(own.private_key.view());
    const BigNumber x{BN_new()};
    VIADUCT_CHECK(peer != nullptr && shared != nullptr && x != nullptr);
    Bytes uncompressed{POINT_CONVERSION_UNCOMPRESSED};
    uncompressed.insert(uncompressed.end(), peer_public.begin(), peer_public.end());
    // Checks that both coordinates are in the field and that the point is on the curve. The curves
    // have cofactor 1, so there are no small subgroups.
    if (EC_POINT_oct2point(
            curve, peer.get(), uncompressed.data(), uncompressed.size(), context.get()) != 1) {
        return failure("peer's Diffie-Hellman public value is not a point of the curve");
    }
    if (EC_POINT_mul(curve, shared.get(), nullptr, peer.get(), d.get(), context.get()) != 1 ||
        EC_POINT_is_at_infinity(curve, shared.get()) == 1 ||
        EC_POINT_get_affine_coordinates(curve, shared.get(), x.get(), nullptr, context.get()) !=
            1) {
        return failure("Diffie-Hellman gave no shared secret");
    }
    return Secret{padded(x.get(), info(id).shared_bytes)};
}

DhKeyPair pair_of(DhGroup group, Bytes&& private_key) {
    DhKeyPair out;
    out.private_key = Secret{std::move(private_key)};
    if (const auto* modp = modp_group(group)) {
        out.public_value =
            modp_power(*modp, modp->g.get(), out.private_key.view(), info(group).public_bytes);
    } else {
        out.public_value = ecp_public(group, out.private_key.view());
    }
    return out;
}

}  // namespace

DhKeyPair dh_generate(DhGroup group, Random& random) {
    return pair_of(group,
                   modp_group(group) != nullptr ? random_exponent(group, random)
                                                : random_scalar(group, random));
}

Result<DhKeyPair> dh_from_private(DhGroup group, BytesView private_key) {
    const auto x = secret_number(private_key);
    const auto* modp = modp_group(group);
    const auto* limit = modp != nullptr ? modp->p_minus_1.get() : ecp_group(group).n_minus_1.get();
    if (BN_is_zero(x.get()) || BN_cmp(x.get(), limit) > 0) {
        return failure("Diffie-Hellman private key is out of range");
    }
    return pair_of(group, Bytes{private_key.begin(), private_key.end()});
}

Result<Secret> dh_shared(DhGroup group, const DhKeyPair& own, BytesView peer_public) {
    if (peer_public.size() != info(group).public_bytes) {
        return failure("peer's Diffie-Hellman public value has the wrong length");
    }
    if (own.private_key.empty()) {
        return failure("no Diffie-Hellman private key");
    }
    return modp_group(group) != nullptr ? modp_shared(group, own, peer_public)
                                        : ecp_shared(group, own, peer_public);
}

}  // namespace viaduct::crypto
