#!/usr/bin/env python3
"""Document 002's two gateways with one thing changed: RSA signatures instead of the wildcard key (certificates are made
here), and a translator between them (row T7: TED does not work through NAT, and says so).

    ted_more_test.py VIADUCT EXAMPLES

Runs the labs in virtual time. Status 77: the openssl command cannot make certificates here.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LAB = """
routers:
  Daphne: { config: daphne.cfg, links: { FastEthernet0/0: MIDDLE, FastEthernet0/1: lan-daphne } }
  fred: { config: fred.cfg, links: { FastEthernet0/0: middle, FastEthernet0/1: lan-fred } }
MORE
hosts:
  pc-daphne: { address: 13.13.13.4/24, gateway: 13.13.13.13, link: lan-daphne }
  pc-fred: { address: 12.12.12.13/24, gateway: 12.12.12.12, link: lan-fred }
links:
  lan-daphne: {}
  lan-fred: {}
  middle: { delay-ms: 5 }
"""

# Daphne stands behind a translator that gives it 11.11.11.9 towards fred.
TRANSLATOR = """
hostname nat
interface FastEthernet0/0
 ip address 10.0.0.2 255.255.255.0
 ip nat inside
interface FastEthernet0/1
 ip address 11.11.11.9 255.255.255.0
 ip nat outside
ip nat inside source list 1 interface FastEthernet0/1 overload
access-list 1 permit 10.0.0.0 0.0.0.255
ip route 12.12.12.0 255.255.255.0 11.11.11.2
ip route 13.13.13.0 255.255.255.0 10.0.0.1
end
"""


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)


def make_certificates(folder):
    """A root that is valid since 1999 (labs have a clock of their own), and one certificate for each gateway's address."""
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
        "unique_subject=no\n[p]\ncommonName=supplied\n[root]\nbasicConstraints=critical,CA:true\n"
        "[req]\ndistinguished_name=dn\n[dn]\n"
        + "".join(f"[{name}]\nbasicConstraints=CA:false\nsubjectAltName=IP:{address}\n"
                  for name, address in (("daphne", "11.11.11.1"), ("fred", "11.11.11.2"))))
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01\n")
    for name in ("root", "daphne", "fred"):
        steps = [["openssl", "genrsa", "-out", f"{name}.key", "2048"],
                 ["openssl", "req", "-new", "-config", "ca.cnf", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr"],
                 ["openssl", "ca", "-batch", "-notext", "-config", "ca.cnf", "-extensions", name, "-startdate", "19900101000000Z",
                  "-enddate", "20490101000000Z", "-in", f"{name}.csr", "-out", f"{name}.pem", "-keyfile", "root.key"]
                 + (["-selfsign"] if name == "root" else ["-cert", "root.pem"])]
        for step in steps:
            done = run(step, cwd=folder)
            if done.returncode != 0:
                print(f"SKIPPED: the openssl command cannot make certificates here: {done.stdout[-300:]}")
                sys.exit(77)


def lab(viaduct, folder, text, script):
    (folder / "lab.yaml").write_text(text)
    (folder / "script").write_text(script)
    return run([viaduct, "lab", str(folder / "lab.yaml"), "--virtual", "--script", str(folder / "script")])


def rsa_signatures(viaduct, examples, folder):
    make_certificates(folder)
    for name in ("daphne", "fred"):
        text = (examples / "ted" / f"{name}.cfg").read_text()
        text = re.sub(r"^crypto isakmp key .*\n", "", text, flags=re.M)
        text = text.replace(" authentication pre-share\n", " authentication rsa-sig\n")
        trust = (f"crypto pki trustpoint corp\n revocation-check none\n ca-file root.pem\n certificate-file {name}.pem\n"
                 f" key-file {name}.key\n!\n")
        (folder / f"{name}.cfg").write_text(text.replace("crypto isakmp policy 10\n", trust + "crypto isakmp policy 10\n"))
    return lab(viaduct, folder, LAB.replace("MIDDLE", "middle").replace("MORE", ""), """
pc-daphne$ ping 12.12.12.13 count 10
expect /[56789] received/
Daphne# show crypto isakmp sa detail
expect rsig
Daphne# show crypto map
expect created from dynamic map ted-map/10
pc-fred$ ping 13.13.13.4 count 5
expect 5 received
""")


def translator_between(viaduct, examples, folder):
    for name in ("daphne", "fred"):
        shutil.copy(examples / "ted" / f"{name}.cfg", folder)
    daphne = (folder / "daphne.cfg").read_text()
    daphne = daphne.replace("ip address 11.11.11.1 ", "ip address 10.0.0.1 ").replace("0.0.0.0 11.11.11.2", "0.0.0.0 10.0.0.2")
    (folder / "daphne.cfg").write_text(daphne)
    # The probe has the host's address as its source: it is that which is translated.
    (folder / "nat.cfg").write_text(TRANSLATOR.replace("permit 10.0.0.0 0.0.0.255", "permit 13.13.13.0 0.0.0.255"))
    more = "  nat: { config: nat.cfg, links: { FastEthernet0/0: inside, FastEthernet0/1: middle } }"
    text = LAB.replace("MIDDLE", "inside").replace("MORE", more) + "  inside: {}\n"
    return lab(viaduct, folder, text, """
fred# configure terminal
fred# access-list 101 permit ip 12.12.12.0 0.0.0.255 11.11.11.0 0.0.0.255
fred# logging buffered 100000
fred# end
pc-daphne$ ping 12.12.12.13 count 5
expect 0 received
fred# show logging
expect TED does not work through NAT
fred# show crypto isakmp sa
expect-not QM_IDLE
""")


def main():
    viaduct, examples = sys.argv[1], pathlib.Path(sys.argv[2])
    failures = 0
    for test in (rsa_signatures, translator_between):
        with tempfile.TemporaryDirectory(prefix="viaduct-ted-") as folder:
            done = test(viaduct, examples, pathlib.Path(folder))
        print(f"{'ok' if done.returncode == 0 else 'FAILED'}: {test.__name__}")
        if done.returncode != 0:
            print(done.stdout)
            failures += 1
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
