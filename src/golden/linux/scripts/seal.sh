#!/bin/sh
# Takes away what makes this guest one particular machine. Only ever run in a clone that is thrown away afterwards.
#
# Usage: seal.sh PARAMETERS RESULT. Parameters (lines "KEY BASE64"): unit (path of golden-host-keys.service), work
# (golden's work folder, left alone). Result: {"sealed": true} or {"sealed": false, "why": text}.
#
# /etc/golden/seal holds "begun" from the first act on and "sealed" when all but the last is done. The last act is
# emptying /etc/machine-id, since programs run in between may write it back (docs/facts: users P32). Empty, and not
# absent: systemd then makes a new one on the next boot without taking that for a first boot with presets.
set -u
result=$2
answer() {
    printf '%s\n' "$1" >"$result.new"
    mv -f -- "$result.new" "$result"
    exit 0
}
# Started a second time because the line broke during the first: the first one answers.
mkdir -- "$result.once" 2>/dev/null || exit 17

unit='' work=''
while IFS=' ' read -r key value; do
    text=$(printf %s "$value" | base64 -d && printf x) || exit 18
    case $key in
        unit) unit=${text%x} ;;
        work) work=${text%x} ;;
    esac
done <"$1"
[ "$(id -u)" = 0 ] || answer '{"sealed":false,"why":"not run as root"}'
sshd=no
for place in /usr/sbin/sshd /usr/local/sbin/sshd /sbin/sshd; do [ ! -x "$place" ] || sshd=yes; done
if [ "$sshd" = yes ] && ! { [ -d /etc/systemd/system ] && [ -x /usr/bin/ssh-keygen ]; }; then
    answer '{"sealed":false,"why":"it has an SSH server but no systemd or ssh-keygen: nothing would make host keys again"}'
fi
mkdir -p /etc/golden || answer '{"sealed":false,"why":"/etc/golden cannot be written"}'
printf 'begun\n' >/etc/golden/seal || answer '{"sealed":false,"why":"/etc/golden/seal cannot be written"}'

# SSH host keys, and the guarantee that they are made again.
if [ "$sshd" = yes ]; then
    wants=/etc/systemd/system/multi-user.target.wants
    cp -- "$unit" /etc/systemd/system/golden-host-keys.service &&
        chmod 644 /etc/systemd/system/golden-host-keys.service &&
        mkdir -p "$wants" &&
        ln -sf ../golden-host-keys.service "$wants/golden-host-keys.service" ||
        answer '{"sealed":false,"why":"the unit that makes SSH host keys again cannot be put in place"}'
fi
rm -f /etc/ssh/ssh_host_*

if command -v cloud-init >/dev/null 2>&1; then
    cloud-init clean --logs --seed >/dev/null 2>&1 || cloud-init clean --logs >/dev/null 2>&1 || :
fi
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances

# Network: leases, names tied to one adapter, NetworkManager's own key, a resolver that was written by hand or lease.
rm -f /var/lib/dhcp/*.lease* /var/lib/dhclient/*.lease* /var/lib/dhcpcd/*.lease /var/lib/NetworkManager/*.lease
rm -f /var/lib/NetworkManager/secret_key /var/lib/NetworkManager/timestamps /var/lib/NetworkManager/seen-bssids
rm -f /etc/udev/rules.d/70-persistent-net.rules /etc/udev/rules.d/75-persistent-net-generator.rules
if [ -f /etc/resolv.conf ] && [ ! -L /etc/resolv.conf ]; then truncate -s 0 /etc/resolv.conf; fi

# What it is registered or joined as, as virt-sysprep takes it away: subscriptions, the host's Kerberos key, what sssd
# knows of its domain, the disks that LVM may look at by their serial numbers (docs/facts: linux 1).
rm -f /etc/pki/consumer/* /etc/pki/entitlement/* /etc/sysconfig/rhn/systemid /etc/sysconfig/rhn/osad-auth.conf
rm -f /etc/krb5.keytab /var/lib/sss/db/* /etc/lvm/devices/system.devices

# Stopping the service writes the seed now, so that the shutdown does not write it again.
if command -v systemctl >/dev/null 2>&1; then systemctl stop systemd-random-seed.service >/dev/null 2>&1 || :; fi
rm -f /var/lib/systemd/random-seed /var/lib/urandom/random-seed /boot/efi/loader/random-seed /boot/loader/random-seed
rm -f /var/lib/systemd/credential.secret

# What people and programs left behind.
rm -f /root/.bash_history /root/.viminfo /root/.lesshst /root/.python_history /root/.wget-hsts
rm -f /home/*/.bash_history /home/*/.viminfo /home/*/.lesshst /home/*/.python_history
for place in /tmp/* /tmp/.[!.]* /var/tmp/* /var/tmp/.[!.]*; do
    case $work/ in
        "$place"/*) ;;
        *) rm -rf -- "$place" 2>/dev/null ;;
    esac
done
if command -v journalctl >/dev/null 2>&1; then journalctl --rotate --vacuum-time=1s >/dev/null 2>&1 || :; fi
rm -rf /var/log/journal/*
[ -d /var/log ] || mkdir -p /var/log
find /var/log -xdev -type f \( -name '*.gz' -o -name '*.xz' -o -name '*.[0-9]' -o -name '*.old' \) -exec rm -f -- {} +
find /var/log -xdev -type f -exec truncate -s 0 -- {} +

printf 'sealed\n' >/etc/golden/seal || answer '{"sealed":false,"why":"/etc/golden/seal cannot be written"}'
# D-Bus keeps a copy on some systems; a link to the one that is left can never differ from it.
if [ -e /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then
    ln -sf /etc/machine-id /var/lib/dbus/machine-id
fi
truncate -s 0 /etc/machine-id || answer '{"sealed":false,"why":"/etc/machine-id cannot be written"}'
sync
if [ -s /etc/machine-id ]; then answer '{"sealed":false,"why":"something wrote /etc/machine-id back"}'; fi
answer '{"sealed":true}'
