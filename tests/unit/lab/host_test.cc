// The hosts' own stack, through fake routers: what ping, tcp and traceroute say.
#include "tests/unit/lab/lab_fixture.h"

namespace viaduct::lab {

using Catch::Matchers::Contains;

TEST_CASE("hosts ping each other through two routers, in Linux's words") {
    LinkParameters middle;
    middle.delay = 10ms;
    const auto lab = make_lab(two_routers(middle));
    const auto out = lab->ask("pc1", "ping 10.2.0.10 count 3");
    CHECK_THAT(out, Contains("PING 10.2.0.10 (10.2.0.10) 56(84) bytes of data.\n"));
    CHECK_THAT(out, Contains("64 bytes from 10.2.0.10: icmp_seq=3 ttl=62 time=20.0"));
    CHECK_THAT(out, Contains("3 packets transmitted, 3 received, 0% packet loss, time 2020ms"));
    CHECK_THAT(out, Contains("rtt min/avg/max/mdev = 20.0"));
}

TEST_CASE("ping says what went wrong") {
    LinkParameters middle;
    middle.mtu = 1400;
    const auto lab = make_lab(two_routers(middle));
    CHECK_THAT(lab->ask("pc1", "ping 10.1.0.99 count 1"),
               Contains("From 10.1.0.10 icmp_seq=1 Destination Host Unreachable") &&
                   Contains("1 packets transmitted, 0 received, +1 errors, 100% packet loss"));
    CHECK_THAT(lab->ask("pc1", "ping 10.3.0.1 count 1"),
               Contains("From 10.1.0.1 icmp_seq=1 Destination Net Unreachable"));
    CHECK_THAT(lab->ask("pc1", "ping 10.2.0.10 count 1 size 1472 df"),
               Contains("From 10.1.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)"));
    CHECK_THAT(lab->ask("pc1", "ping 10.2.0.10 count 1 size 1472 df"),
               Contains("ping: local error: message too long, mtu=1400"));
    CHECK_THAT(lab->ask("pc1", "ping 10.2.0.10 count 1 size 5000"), Contains("0% packet loss"));
    CHECK_THAT(lab->ask("pc1", "ping 10.2.0.10 count 1 ttl 1"), Contains("Time to live exceeded"));
    CHECK_THAT(lab->ask("pc1", "ping nowhere"), Contains("usage: ping"));
}

TEST_CASE("a TCP stream is carried whole, and its content is checked") {
    const auto lab = make_lab(two_routers());
    const auto out = lab->ask("pc1", "tcp 10.2.0.10:5001 send 300000");
    CHECK_THAT(out, Contains("connected to 10.2.0.10 port 5001 (mss 1460)"));
    CHECK_THAT(out, Contains("sent 300000 bytes in") && Contains("0 segments retransmitted"));
    CHECK_THAT(out, Contains("10.2.0.10 received 300000 bytes, checksum") && Contains("correct"));
    CHECK_THAT(lab->ask("pc1", "tcp 10.2.0.10:5001 send 0"), Contains("received 0 bytes"));
    CHECK_THAT(lab->ask("pc1", "tcp 10.2.0.10:1 send 10"), Contains("Connection refused"));
    CHECK_THAT(lab->ask("pc1", "tcp 10.1.0.77:9 send 10"), Contains("Connection timed out"));
}

TEST_CASE("TCP overcomes loss, duplicates and reordering") {
    for (const auto seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
        LinkParameters middle;
        middle.delay = 5ms;
        middle.jitter = 5ms;
        middle.loss = 0.2;
        middle.duplicate = 0.1;
        middle.reorder = 0.1;
        LabOptions options;
        options.seed = static_cast<std::uint64_t>(seed);
        const auto lab = make_lab(two_routers(middle), options);
        const auto out = lab->ask("pc1", "tcp 10.2.0.10:80 send 100000");
        CAPTURE(seed);
        CHECK_THAT(out, Contains("received 100000 bytes") && Contains("correct"));
    }
}

TEST_CASE("TCP follows the path MTU") {
    LinkParameters middle;
    middle.mtu = 1000;
    const auto lab = make_lab(two_routers(middle));
    unsigned largest = 0;
    lab->link("middle").add_tap([&](TimePoint, BytesView frame) {
        largest = std::max(largest, static_cast<unsigned>(frame.size()));
    });
    CHECK_THAT(lab->ask("pc1", "tcp 10.2.0.10:80 send 50000"), Contains("correct"));
    CHECK(largest == 1014);
}

TEST_CASE("a corrupted stream would be noticed: the checksum is of the content") {
    StreamChecksum a;
    StreamChecksum b;
    a.add(Bytes{1, 2, 3});
    b.add(Bytes{1, 3, 2});
    CHECK(a.value() != b.value());
}

TEST_CASE("traceroute shows each hop") {
    const auto lab = make_lab(two_routers());
    const auto out = lab->ask("pc1", "traceroute 10.2.0.10");
    CHECK_THAT(
        out,
        Contains(
            "traceroute to 10.2.0.10 (10.2.0.10), 30 hops max, 60 byte packets\n 1  10.1.0.1  0."));
    CHECK_THAT(out, Contains("\n 2  10.9.0.2  0.") && Contains("\n 3  10.2.0.10  0."));
    CHECK_THAT(lab->ask("pc1", "traceroute 10.9.0.77"), Contains(" 2  * * *\n"));
}

TEST_CASE("UDP datagrams come back from the echo port") {
    const auto lab = make_lab(two_routers());
    CHECK_THAT(lab->ask("pc1", "udp 10.2.0.10:7 send 3000 count 2"),
               Contains("2 datagrams sent, 2 received, 0 wrong"));
    CHECK_THAT(lab->ask("pc1", "udp 10.2.0.10:9 send 30"),
               Contains("From 10.2.0.10 Destination Port Unreachable"));
}

TEST_CASE("a host shows its address") {
    const auto lab = make_lab(two_routers());
    CHECK_THAT(lab->ask("pc1", "ip address"),
               Contains("inet 10.1.0.10/24 brd 10.1.0.255") && Contains("default via 10.1.0.1"));
}

TEST_CASE("every prefix of every packet is refused or read without a crash") {
    const auto tcp = [] {
        TcpView v;
        v.source = L4Port{1000};
        v.destination = L4Port{80};
        v.syn = true;
        v.mss = 1460;
        return write_tcp(Ipv4Address{1}, Ipv4Address{2}, v);
    }();
    for (std::size_t n = 0; n < tcp.size(); ++n) {
        CHECK_FALSE(read_tcp(Ipv4Address{1}, Ipv4Address{2}, BytesView(tcp).first(n)));
    }
    CHECK(read_tcp(Ipv4Address{1}, Ipv4Address{2}, tcp)->mss == 1460);
    const auto udp = write_udp(Ipv4Address{1}, Ipv4Address{2}, {L4Port{1}, L4Port{2}, tcp});
    const auto ip = write_ipv4({.protocol = kProtoUdp, .payload = udp});
    for (std::size_t n = 0; n < ip.size(); ++n) {
        CHECK_FALSE(read_ipv4(BytesView(ip).first(n)));
    }
    for (std::size_t n = 0; n < udp.size(); ++n) {
        CHECK_FALSE(read_udp(Ipv4Address{1}, Ipv4Address{2}, BytesView(udp).first(n)));
    }
    const auto arp = write_arp({});
    for (std::size_t n = 0; n < arp.size(); ++n) {
        CHECK_FALSE(read_arp(BytesView(arp).first(n)));
    }
    const auto icmp = write_icmp({8, 0, 1, Bytes(40, 0xA7)});
    for (std::size_t n = 0; n < icmp.size(); ++n) {
        CHECK_FALSE(read_icmp(BytesView(icmp).first(n)));
    }
}

}  // namespace viaduct::lab
