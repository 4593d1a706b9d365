"""A `viaduct run` of scripts/rig.py: started in a folder of its own, asked by its console, ended by its process id."""

import json
import os
import subprocess
import time

SECONDS_TO_START = 60


class Router:
    """One `viaduct run` in a folder of its own."""

    def __init__(self, options, folder, configuration, *ports, helper=False):
        """The ports are those of FastEthernet0/0, FastEthernet0/1 and FastEthernet1/0. A helper is not measured."""
        self.options, self.folder = options, folder
        self.socket = os.path.join(folder, "socket")
        with open(os.path.join(folder, "startup.cfg"), "w", encoding="ascii") as file:
            file.write(configuration)
        where = "memory-mb: 256" if helper else f"memory-mb: {options.memory}\nworkers: [{options.core}]\nidle: {options.idle}"
        rows = [f'  FastEthernet{i // 2}/{i % 2}: {{ port: "{port}" }}' for i, port in enumerate(ports)]
        with open(os.path.join(folder, "platform.yaml"), "w", encoding="ascii") as file:
            file.write("\n".join([where, "interfaces:", *rows, f"console: {{ socket: {self.socket} }}", ""]))

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.options.viaduct, "run", "--platform", "platform.yaml", "--config", "startup.cfg"],
            cwd=self.folder, stdout=self.log, stderr=subprocess.STDOUT,
        )
        def story():
            with open(self.log.name, encoding="utf-8") as log:
                return "the router does not start: " + log.read()[-2000:]

        try:
            wait_until(lambda: self.process.poll() is not None or self.try_console("show clock") is not None, story)
            if self.process.poll() is not None:
                raise RuntimeError(story())
        except BaseException:  # also when we are told to end
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def kill(self):
        """At once: it says good-bye to nobody."""
        self.process.kill()
        self.process.wait()

    def try_console(self, *commands):
        words = [word for command in commands for word in ("-c", command)]
        done = subprocess.run(
            [self.options.viaduct, "console", "-s", self.socket, *words], capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else None

    def console(self, *commands):
        text = self.try_console(*commands)
        if text is None:
            raise RuntimeError(f"the router does not take {commands}")
        return text

    def counters(self):
        before = time.monotonic()
        values = json.loads(self.console("show interfaces json"))
        values["at"] = (before + time.monotonic()) / 2
        return values


def interface(values, name):
    return next(i for i in values["interfaces"] if i["name"] == name)


def sent(values):
    return interface(values, "FastEthernet0/1")["out_packets"]


def wait_until(true, what, seconds=SECONDS_TO_START):
    """Asks `true` again and again; a RuntimeError with `what`, or what it returns, at the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(what() if callable(what) else what)
        time.sleep(0.1)
