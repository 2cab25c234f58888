from busybox as base
arg name=world
env greeting hello
run echo "$greeting $name"
healthcheck none
label a=b
user nobody:nogroup
stopsignal 9
volume /data /more
from base
entrypoint ["sh"]
