#!/bin/sh
# Makes a Debian root file system (its path is the argument) the test host. mmdebstrap runs it while apt's lists are there.
set -eu
root=$1

# The kernel's package without what it would pull in: the initrd is our own.
chroot "$root" sh -eu <<'IN'
cd /var/tmp
package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
apt-get download --quiet "$package"
# Not over `/`: the archive's own `lib` would take the place of the link to usr/lib.
dpkg --extract linux-image-*.deb kernel
cp -a kernel/lib/modules /usr/lib/
cp kernel/boot/vmlinuz-* /boot/
rm -r linux-image-*.deb kernel
depmod "$(ls /lib/modules)"
IN

printf 'virtio_net\nvirtio_console\n' > "$root/etc/modules-load.d/host.conf"
cat > "$root/etc/systemd/network/eth0.network" <<'UNIT'
[Match]
Name=eth0
[Network]
DHCP=yes
UNIT
# Whoever speaks to the port speaks to a shell; the next one may when the last has gone.
cat > "$root/etc/systemd/system/shell.service" <<'UNIT'
[Unit]
Description=Shell of the test host
After=systemd-modules-load.service
StartLimitIntervalSec=0
[Service]
ExecStart=socat OPEN:/dev/virtio-ports/shell EXEC:"/bin/bash --noprofile --norc",stderr
Restart=always
RestartSec=0
OOMScoreAdjust=-1000
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl --quiet enable shell.service systemd-networkd.service
# Tests start what they need, as they need it. Nothing else runs beside them.
chroot "$root" systemctl --quiet disable haproxy.service redis-server.service pgbouncer.service postgresql.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
echo host > "$root/etc/hostname"
: > "$root/etc/fstab"
rm -f "$root/etc/resolv.conf"
echo 'nameserver 10.0.2.3' > "$root/etc/resolv.conf"
