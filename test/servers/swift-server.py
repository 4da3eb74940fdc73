"""OpenStack Swift with its S3 interface in one process: proxy, account, container and object server, each on a port of its own.

The argument is a folder with `swift.json`: {"port": of the proxy, "backends": [three ports], "filters": their settings,
"user": that of this machine, "clockOffset": seconds}.
"""

import json
import os
import sys
import time

import eventlet
import eventlet.wsgi

home = sys.argv[1]
with open(os.path.join(home, "swift.json")) as file:
    plan = json.load(file)
if plan["clockOffset"]:
    right_time = time.time
    time.time = lambda: right_time() + plan["clockOffset"]
eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True, time=True)

from swift.common import utils, wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402

HOST = "127.0.0.1"
PIPELINE = (
    "catch_errors gatekeeper cache listing_formats bulk s3api tempauth copy container_quotas account_quotas slo dlo "
    "versioned_writes"
)

def at(name):
    return os.path.join(home, name)


def write(name, sections):
    with open(at(name), "w") as out:
        for section, values in sections.items():
            out.write("[%s]\n" % section)
            out.writelines("%s = %s\n" % each for each in values.items())
    return at(name)


def write_ring(kind, port):
    builder = RingBuilder(2, 1, 0)
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": HOST, "port": port, "device": "disk"}
    builder.add_dev({**device, "replication_ip": HOST, "replication_port": port})
    builder.rebalance()
    builder.get_ring().save(at(kind + ".ring.gz"))


def write_settings():
    write("swift.conf", {"swift-hash": {"swift_hash_path_prefix": "a", "swift_hash_path_suffix": "b"}})
    common = {"swift_dir": home, "devices": at("devices"), "mount_check": "false", "log_level": "ERROR", "user": plan["user"]}
    filters = {
        "s3api": {"min_segment_size": 1, "auth_pipeline_check": "false", "max_upload_part_num": 10000},
        "tempauth": {"user_test_tester": "testing .admin", "user_test_reader": "reading"},
        "cache": {"use": "call:__main__:make_cache"},
    }
    sections = {"DEFAULT": common, "pipeline:main": {"pipeline": PIPELINE + " proxy-server"}}
    sections["app:proxy-server"] = {"use": "egg:swift#proxy", "account_autocreate": "true"}
    for name in PIPELINE.split():
        own = {"use": "egg:swift#" + name, **filters.get(name, {}), **plan["filters"].get(name, {})}
        sections["filter:" + name] = own
    files = [write("proxy.conf", sections)]
    for kind in ("account", "container", "object"):
        app = {"use": "egg:swift#" + kind}
        files.append(write(kind + ".conf", {"DEFAULT": common, "pipeline:main": {"pipeline": "app"}, "app:app": app}))
    return files


class Cache:
    """Stands for memcached."""

    def __init__(self):
        self.values = {}

    def get(self, key, **_):
        value, until = self.values.get(key, (None, 0))
        return value if until > time.time() else None

    def set(self, key, value, time=0, **_):
        # As it comes back from a cache behind JSON.
        self.values[key] = (json.loads(json.dumps(value)), now() + (time or 86400))

    def delete(self, key, **_):
        self.values.pop(key, None)

    def incr(self, key, delta=1, time=0, **_):
        value = max(0, int(self.get(key) or 0) + delta)
        self.set(key, value, time)
        return value

    def decr(self, key, delta=1, time=0, **_):
        return self.incr(key, -delta, time)


now = time.time


def make_cache(global_conf, **_):
    cache = Cache()

    def wrap(app):
        def call(env, start_response):
            env["swift.cache"] = cache
            return app(env, start_response)

        return call

    return wrap


def serve(file, port):
    socket = eventlet.listen((HOST, port), backlog=1024)
    app = wsgi.loadapp(file, global_conf={"log_name": "swift"})
    pool = eventlet.GreenPool(1024)
    return lambda: eventlet.wsgi.server(
        socket, app, utils.NullLogger(), custom_pool=pool, protocol=wsgi.SwiftHttpProtocol, debug=False
    )


utils.SWIFT_CONF_FILE = at("swift.conf")
os.environ["TZ"] = "UTC+0"
os.makedirs(at("devices/disk"), exist_ok=True)
proxy, *others = write_settings()
utils.validate_configuration()
kinds = ("account", "container", "object")
if not os.path.exists(at("object.ring.gz")):
    for kind, port in zip(kinds, plan["backends"]):
        write_ring(kind, port)
servers = [serve(file, port) for file, port in zip(others, plan["backends"])]
threads = [eventlet.spawn(server) for server in [*servers, serve(proxy, plan["port"])]]
threads[-1].wait()
