"""OpenStack Swift in one process: an account, a container, an object and a proxy server with its S3 API, on one disk.

usage: swift-s3.py DIRECTORY PORT USER SECRET    the access key is test:USER
"""
import os
import sys

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi
from swift.account.server import AccountController
from swift.common import storage_policy, utils
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp
from swift.container.server import ContainerController
from swift.obj.server import ObjectController

directory, proxy_port, user, secret = sys.argv[1:]
utils.HASH_PATH_SUFFIX = b'of a test'
conf = {'devices': f'{directory}/devices', 'swift_dir': directory, 'mount_check': 'false'}


class Silent:
    """Instead of a log."""

    def write(self, *_):
        pass

    def __getattr__(self, _):
        return lambda *args, **kwargs: None


class Cache:
    """Instead of memcached."""

    def __init__(self):
        self.values = {}

    def get(self, key, **_):
        return self.values.get(key)

    def set(self, key, value, **_):
        self.values[key] = value

    def delete(self, key, **_):
        self.values.pop(key, None)


def write_ring(name, port):
    builder = RingBuilder(0, 1, 0)
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': port, 'device': 'disk', 'weight': 1})
    builder.rebalance()
    builder.get_ring().save(f'{directory}/{name}.ring.gz')


os.makedirs(f'{directory}/devices/disk', exist_ok=True)
storage_policy.reload_storage_policies()
controllers = {'account': AccountController, 'container': ContainerController, 'object': ObjectController}
for name, controller in controllers.items():
    socket = eventlet.listen(('127.0.0.1', 0))
    write_ring(name, socket.getsockname()[1])
    eventlet.spawn(wsgi.server, socket, controller(conf), Silent(), log_output=False)

with open(f'{directory}/proxy.conf', 'w') as file:
    file.write(f'''[DEFAULT]
swift_dir = {directory}
[pipeline:main]
pipeline = s3api tempauth proxy-server
[filter:s3api]
use = egg:swift#s3api
location = eu-central-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_{user} = {secret} .admin
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
''')
proxy = loadapp(f'{directory}/proxy.conf')
cache = Cache()


def proxy_with_cache(env, start_response):
    env['swift.cache'] = cache
    return proxy(env, start_response)


wsgi.server(eventlet.listen(('127.0.0.1', int(proxy_port))), proxy_with_cache, Silent(), log_output=False)
