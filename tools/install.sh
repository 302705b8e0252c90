#!/bin/sh
# Installs what golden, its demo or its tests need of Debian's packages, and makes the virtual environment.
#   tools/install.sh demo    what `golden demo` needs: libvirt's embedded QEMU driver, the stand-in guest's parts
#   tools/install.sh test    that, and what the tests drive besides
#   tools/install.sh bench   what the tests need, and what golden's speed is measured against
# Packages that are there already cost one look. Wants root, or a sudo that asks nobody.
set -eu
what=${1:-demo}
cd "$(dirname "$0")/.."

demo="python3-venv python3-dev gcc libc6-dev pkg-config libvirt-dev libvirt-daemon-system
 libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils ntfs-3g wimtools fdisk mtools busybox-static qemu-guest-agent python3-hivex"
bench="libguestfs-tools linux-image-cloud-amd64 golang-github-kr-pretty-dev"
test="openssh-server openssh-client swtpm swtpm-tools ovmf e2fsprogs util-linux
 golang-go golang-github-vmware-govmomi-dev gcab msitools"
packages=$demo
case $what in
test) packages="$demo $test" ;;
bench) packages="$demo $test $bench" ;;
esac

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    case $state in ii*) ;; *) missing="$missing $package" ;; esac
done
if [ -n "$missing" ]; then
    run=
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            run="sudo"
        else
            echo "golden needs these Debian packages, and this is neither root nor a sudo that asks nobody:" >&2
            echo "   apt-get install --no-install-recommends$missing" >&2
            echo "Install them as root, then run make again." >&2
            exit 1
        fi
    fi
    echo "installing Debian packages:$missing"
    # The stand-in's kernel is not installed: only its files are wanted, and golden fetches the package for itself.
    $run apt-get -qq update
    $run env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null
fi

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "golden needs Python 3.11 or newer; $python is not. Name another with: make PYTHON=/path/to/python3" >&2
    exit 1
fi
stamp=.venv/.installed-$what
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    echo "making the virtual environment .venv"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    extra=all
    [ "$what" = demo ] || extra=dev
    .venv/bin/pip install --quiet --disable-pip-version-check -e ".[$extra]"
    touch "$stamp"
fi
