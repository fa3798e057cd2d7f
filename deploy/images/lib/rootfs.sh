# What the scripts deploy/images/NAME/rootfs share: they lay out the root of an image in a folder. Sourced.
cache=/var/cache/corral/packages

# The folders that each root has; /bin, /sbin and /lib lie in /usr, as in Debian.
skeleton() { # DIR
    local name
    mkdir -p "$1"/{etc,usr/bin,usr/sbin,usr/lib,usr/lib64,workspace,tmp,run,proc,sys,dev,var/tmp}
    chmod 1777 "$1/tmp" "$1/var/tmp"
    chmod 777 "$1/workspace" # a sandbox's own folder is mounted over it
    for name in bin sbin lib lib64; do ln -sfn "usr/$name" "$1/$name"; done
    printf 'root:x:0:0::/:/bin/sh\nsandbox:x:1000:1000::/workspace:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$1/etc/passwd"
    printf 'root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n' >"$1/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$1/etc/nsswitch.conf"
}

# The packages that these need, on a system without any.
closure() { # PACKAGE...
    apt-get -o Dir::State::status=/dev/null -s --no-install-recommends install "$@" 2>/dev/null | awk '/^Inst/ {print $2}'
}

# Downloads what is not in the cache.
download() { # PACKAGE...
    mkdir -p "$cache"
    (cd "$cache" && apt-get -o Dir::State::status=/dev/null download -q "$@" >/dev/null 2>&1)
}

# Unpacks Debian's packages with all that they need, but for documents, translations and what only installs packages.
unpack() { # DIR PACKAGE...
    local dir=$1 package packages
    shift
    packages=$(closure "$@")
    [ -n "$packages" ] || { apt-get update -qq && packages=$(closure "$@"); }
    packages=$(grep -vxE 'dpkg|tar|libmd0|debconf|debianutils|base-files|install-info' <<<"$packages")
    for package in $packages; do
        ls "$cache/$package"_*.deb >/dev/null 2>&1 || download "$package" || { echo "rootfs: the package $package is not to be had" >&2; return 1; }
        dpkg-deb --fsys-tarfile "$(ls -t "$cache/$package"_*.deb | head -1)" |
            tar -x -C "$dir" --keep-directory-symlink --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' \
                --exclude='./usr/share/locale/*' --exclude='./usr/share/lintian/*' --exclude='./usr/share/bug/*'
    done
    ln -sf bash "$dir/usr/bin/sh"
}

# Copies the libraries that a program is linked with.
libraries() { # DIR PROGRAM
    local dir=$1 library
    for library in $(ldd "$2" | grep -o '/[^ ]*'); do
        [ -e "$dir$library" ] || install -D -m 755 "$(readlink -f "$library")" "$dir$library"
    done
    for library in "$dir"/lib/*/libc.so.6; do # what it loads by itself to find names
        install -m 644 "$(dirname "$(readlink -f "${library#"$dir"}")")"/libnss_{files,dns}.so.2 "${library%/*}/"
    done
}

# Copies a program of this machine to the same place, with its libraries.
with_libraries() { # DIR PROGRAM
    install -D -m 755 "$(readlink -f "$2")" "$1$2"
    libraries "$1" "$2"
}

# Copies one of Corral's own programs, without what only debuggers read.
own() { # DIR FROM TO
    install -D -m 755 "$2" "$1$3"
    strip --strip-unneeded "$1$3" 2>/dev/null || true # as it is, where binutils are missing
}

build_folder() {
    local build=${CORRAL_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/build-release}
    [ -x "$build/agent/corral-agent" ] || { echo "rootfs: $build has no programs: build them, or set CORRAL_BUILD" >&2; return 1; }
    echo "$build"
}
