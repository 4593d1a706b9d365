#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "config/model/interface.h"

namespace viaduct::config {

namespace {

struct TypeWords {
    InterfaceType type;
    std::string_view name;
    std::string_view brief;
};

constexpr std::array<TypeWords, 11> kTypes{{
    {InterfaceType::loopback, "Loopback", "Lo"},
    {InterfaceType::tunnel, "Tunnel", "Tu"},
    {InterfaceType::ethernet, "Ethernet", "Et"},
    {InterfaceType::fast_ethernet, "FastEthernet", "Fa"},
    {InterfaceType::gigabit_ethernet, "GigabitEthernet", "Gi"},
    {InterfaceType::ten_gigabit_ethernet, "TenGigabitEthernet", "Te"},
    {InterfaceType::bri, "BRI", "BR"},
    {InterfaceType::atm, "ATM", "AT"},
    {InterfaceType::serial, "Serial", "Se"},
    {InterfaceType::async, "Async", "As"},
    {InterfaceType::null, "Null", "Nu"},
}};

const TypeWords& words(InterfaceType type) {
    return *std::find_if(
        kTypes.begin(), kTypes.end(), [type](const TypeWords& w) { return w.type == type; });
}

char lower(char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// `text` begins the type's name, whatever the case. A single letter is an abbreviation only of a type
/// that no other begins with; IOS's own list makes that true for all but "a" and "t".
bool abbreviates(std::string_view text, std::string_view name) {
    return !text.empty() && text.size() <= name.size() &&
           std::equal(text.begin(), text.end(), name.begin(), [](char a, char b) {
               return lower(a) == lower(b);
           });
}

std::optional<std::vector<std::uint16_t>> parse_unit(std::string_view text) {
    std::vector<std::uint16_t> unit;
    while (true) {
        const auto slash = text.find('/');
        const auto part = text.substr(0, slash);
        std::uint16_t number = 0;
        const auto* end = part.data() + part.size();
        const auto [stop, error] = std::from_chars(part.data(), end, number);
        if (part.empty() || error != std::errc{} || stop != end || unit.size() == 3) {
            return std::nullopt;
        }
        unit.push_back(number);
        if (slash == std::string_view::npos) {
            return unit;
        }
        text.remove_prefix(slash + 1);
    }
}

}  // namespace

std::optional<InterfaceName> InterfaceName::parse(std::string_view text) {
    const auto digits = text.find_first_of("0123456789");
    if (digits == std::string_view::npos || digits == 0) {
        return std::nullopt;
    }
    auto word = text.substr(0, digits);
    while (!word.empty() && word.back() == ' ') {
        word.remove_suffix(1);
    }
    const TypeWords* found = nullptr;
    for (const auto& candidate : kTypes) {
        if (abbreviates(word, candidate.name)) {
            if (found != nullptr) {
                return std::nullopt;
            }
            found = &candidate;
        }
    }
    const auto unit = parse_unit(text.substr(digits));
    if (found == nullptr || !unit) {
        return std::nullopt;
    }
    return InterfaceName{found->type, *unit};
}

std::string InterfaceName::to_string() const {
    std::string out(words(type).name);
    for (std::size_t i = 0; i < unit.size(); ++i) {
        out += (i == 0 ? "" : "/") + std::to_string(unit[i]);
    }
    return out;
}

std::string InterfaceName::short_string() const {
    return std::string(words(type).brief) + to_string().substr(words(type).name.size());
}

}  // namespace viaduct::config
