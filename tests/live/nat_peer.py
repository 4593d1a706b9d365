#!/usr/bin/env python3
"""Ends of the live test of address translation, on the kernel's own sockets.

serve            TCP port 5001 (answers with length and digest of what came), UDP port 5002 (echoes with the sender's
                 address in front), FTP port 21 (active and passive, one file of a known content)
tcp HOST BYTES   sends that many bytes, checks the answer
udp HOST         one datagram; prints the address that the server saw
ftp HOST MODE    gets the file in "active" or "passive" mode and checks it
"""
import ftplib
import hashlib
import os
import socket
import sys
import threading

TCP, UDP, FTP = 5001, 5002, 21
FILE = b"".join(b"line %d of the file\r\n" % i for i in range(20000))


def serve_stream(connection):
    digest, length = hashlib.sha256(), 0
    while chunk := connection.recv(65536):
        digest.update(chunk)
        length += len(chunk)
    connection.sendall(b"%d %s\n" % (length, digest.hexdigest().encode()))
    connection.close()


def serve_ftp(control):
    def say(text):
        control.sendall(text.encode() + b"\r\n")

    say("220 ready")
    target = listener = None
    for line in control.makefile("r", encoding="ascii"):
        word, _, rest = line.strip().partition(" ")
        word = word.upper()
        if word == "USER":
            say("331 password")
        elif word == "PASS":
            say("230 in")
        elif word == "TYPE":
            say("200 type")
        elif word == "PORT":
            n = [int(x) for x in rest.split(",")]
            target = (".".join(map(str, n[:4])), n[4] * 256 + n[5])
            say("200 port")
        elif word == "PASV":
            listener = socket.create_server((control.getsockname()[0], 0))
            host, port = listener.getsockname()
            say("227 Entering Passive Mode (%s,%d,%d)" % (host.replace(".", ","), port >> 8, port & 255))
        elif word == "RETR":
            # An active server refuses an address that is not the client's: that is what translation must mend.
            if target and target[0] != control.getpeername()[0]:
                say("500 PORT %s is not %s" % (target[0], control.getpeername()[0]))
                continue
            say("150 here it comes")
            data = listener.accept()[0] if listener else socket.create_connection(target, 10)
            data.sendall(FILE)
            data.close()
            listener = None
            say("226 done")
        elif word == "QUIT":
            say("221 bye")
            break
        else:
            say("502 no")
    control.close()


def accept_all(port, serve):
    listener = socket.create_server(("", port))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def serve():
    for port, what in ((TCP, serve_stream), (FTP, serve_ftp)):
        threading.Thread(target=accept_all, args=(port, what), daemon=True).start()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", UDP))
    print("ready", flush=True)
    while True:
        data, sender = udp.recvfrom(65536)
        udp.sendto(b"%s:%d " % (sender[0].encode(), sender[1]) + data, sender)


def tcp(host, length):
    data = os.urandom(1 << 20)
    digest, left = hashlib.sha256(), length
    with socket.create_connection((host, TCP), 20) as connection:
        connection.settimeout(120)
        while left:
            chunk = data[: min(left, len(data))]
            connection.sendall(chunk)
            digest.update(chunk)
            left -= len(chunk)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").readline().split()
    assert answer == [b"%d" % length, digest.hexdigest().encode()], answer
    print("%d bytes arrived as they were sent" % length)


def udp(host):
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connection.settimeout(5)
    connection.sendto(b"hello", (host, UDP))
    seen, _, data = connection.recvfrom(65536)[0].partition(b" ")
    assert data == b"hello"
    print(seen.decode())


def ftp(host, mode):
    client = ftplib.FTP(host, timeout=20)
    client.login("user", "password")
    client.set_pasv(mode == "passive")
    parts = []
    client.retrbinary("RETR file", parts.append)
    client.quit()
    assert b"".join(parts) == FILE, "the file is not the one that was sent"
    print("%s: %d bytes" % (mode, len(FILE)))


if __name__ == "__main__":
    arguments = sys.argv[2:]
    {
        "serve": lambda: serve(),
        "tcp": lambda: tcp(arguments[0], int(arguments[1])),
        "udp": lambda: udp(arguments[0]),
        "ftp": lambda: ftp(*arguments),
    }[sys.argv[1]]()
