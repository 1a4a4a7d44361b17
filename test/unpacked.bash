# Other versions of PostgreSQL than the machine has, as folders: the packages of a
# Debian that has the version are unpacked without being installed, and used by
# chroot.  Read by test/versions and test/upgrade; nothing to run by itself.
#
#   unpack VERSION           $cache/postgresql-VERSION is there afterwards
#   build VERSION FOLDER     kpicrm for it, as the files that an installation adds
#   within VERSION FOLDER COMMAND…   in it, as its account postgres, in FOLDER
#   new_place VERSION        $place: a folder in it that is removed at the end
#
# Nothing is mounted and nothing in a root is changed once it is unpacked, so that runs
# can share it.  Needs root (chroot, device files), apt and a C compiler.
#
# KPICRM_CACHE is the folder of the roots, KPICRM_MIRROR the Debian archive they come
# from: that of the machine's own apt if not set, so an Ubuntu has to set it.

cache=${KPICRM_CACHE:-/var/cache/kpicrm}
program=test/$(basename "$0")
tree=$PWD
scratch=$(mktemp -d)
places=()

# Each root: server, clients and what the tests call there.  The headers and libraries
# are those of the root's Debian too: libnlopt has another name in another Debian.
root_packages=(base-files bash coreutils dash diffutils findutils grep gzip libc-bin make perl sed tar util-linux
    libtap-parser-sourcehandler-pgtap-perl libipc-run-perl libdbd-pg-perl libc6-dev libnlopt-dev)

die() {
    echo "$program: $*" >&2
    exit 1
}

remove_places() { rm -rf "$scratch" "${places[@]}"; }
trap remove_places EXIT
trap 'exit 130' INT TERM

quietly() { "$@" >"$scratch/log" 2>&1 || { tail -40 "$scratch/log" >&2; return 1; }; }

# The suites that have a version, the steadiest first.
suites_of() {
    [ "$1" -ge 15 ] 2>/dev/null || die "kpicrm needs PostgreSQL 15 or newer, not $1"
    case $1 in
        15) echo bookworm ;;
        17) echo trixie ;;
        18) echo forky sid ;;
        *) die "no Debian has PostgreSQL $1: choose 15, 17 or 18" ;;
    esac
}

# The archive that the machine's own packages come from.  Its label is known only once
# apt has fetched its index.
mirror() {
    local found
    if [ -n "${KPICRM_MIRROR:-}" ]; then
        echo "$KPICRM_MIRROR"
        return
    fi
    # shellcheck disable=SC2016
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | grep -m 1 -E '^https?:') || true
    if [ -z "$found" ]; then
        quietly apt-get update -qq || return 1
        # shellcheck disable=SC2016
        found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | grep -m 1 -E '^https?:') || true
    fi
    [ -n "$found" ] || { echo "apt knows no Debian archive: name one in KPICRM_MIRROR" >&2; return 1; }
    echo "$found"
}

need_tools() {
    local missing=
    [ "$(id -u)" = 0 ] || die "only root can use chroot"
    command -v apt-get >/dev/null || die "needs Debian or Ubuntu"
    command -v mmdebstrap >/dev/null || missing+=" mmdebstrap"
    command -v gcc >/dev/null || missing+=" gcc"
    command -v make >/dev/null || missing+=" make"
    [ -n "$missing" ] || return 0
    echo "# installing$missing" >&2
    # shellcheck disable=SC2086
    { quietly apt-get update -qq && DEBIAN_FRONTEND=noninteractive quietly apt-get install -y -qq --no-install-recommends $missing; } ||
        die "apt-get could not install$missing"
}

# server-dev would bring clang and LLVM with it, which compile only what JIT inlines: it is
# unpacked without what it depends on.  Files are not filtered by dpkg's path-exclude,
# which reads every archive in Python and takes longer than all the rest.
unpack_suite() {
    local version=$1 suite=$2 root=$3 archive=$4 packages name
    packages=$(IFS=,; echo "postgresql-$version,postgresql-$version-pgtap,${root_packages[*]}")
    # a mirror that is a snapshot is older than its index allows
    quietly mmdebstrap --mode=root --variant=extract --format=directory \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' --aptopt='APT::Sandbox::User "root"' \
        --include="$packages" \
        --extract-hook="cd \"\$1\" && APT_CONFIG=\"\$MMDEBSTRAP_APT_CONFIG\" apt-get -qq download postgresql-server-dev-$version && dpkg -x postgresql-server-dev-*.deb . && rm postgresql-server-dev-*.deb" \
        "$suite" "$root" "deb $archive $suite main" || return 1
    # No maintainer script has run: what those would have made.
    for name in bin sbin lib lib64; do
        [ -e "$root/$name" ] || [ ! -d "$root/usr/$name" ] || ln -s "usr/$name" "$root/$name"
    done
    [ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
    printf '%s\n' root:x:0:0::/root:/bin/sh postgres:x:5432:5432::/tmp:/bin/sh >"$root/etc/passwd"
    printf '%s\n' root:x:0: postgres:x:5432: >"$root/etc/group"
    # shared memory needs the folder alone, not a tmpfs
    install -d -m 1777 "$root/tmp" "$root/dev/shm"
    # JIT and its LLVM are a third of a root, and from 18 on a package of their own, which is
    # not unpacked: the versions are tested alike, and the machine's own has JIT.
    rm -rf "${root:?}/usr/lib/postgresql/$version/lib/"{llvmjit*,bitcode}
    find "$root/usr/lib" -name 'libLLVM*' -delete
    rm -rf "${root:?}/usr/share/"{man,doc,info,locale} "$root/var/cache/apt" "$root/var/lib/apt/lists"
    [ -x "$root/usr/lib/postgresql/$version/bin/postgres" ]
}

unpack() {
    local version=$1 root=$cache/postgresql-$1 suites suite archive recipe
    suites=$(suites_of "$version") || exit 1
    recipe="$suites ${root_packages[*]} $(declare -f unpack_suite | cksum)"
    mkdir -p "$cache"
    # Two runs must not unpack the same; the lock goes with the shell that holds it.
    exec 9>"$cache/lock"
    flock 9
    # A root that another recipe has made is made again.
    if [ "$(cat "$root/recipe" 2>/dev/null)" != "$recipe" ]; then
        archive=$(mirror) || die "no archive to unpack PostgreSQL $version from"
        for suite in $suites; do
            echo "# unpacking PostgreSQL $version ($suite) into $root" >&2
            rm -rf "$root" "$root.new"
            if unpack_suite "$version" "$suite" "$root.new" "$archive"; then
                echo "$recipe" >"$root.new/recipe"
                mv "$root.new" "$root"
                break
            fi
            rm -rf "$root.new"
        done
    fi
    exec 9>&-
    [ -e "$root/recipe" ] || die "PostgreSQL $version cannot be had from the archive"
}

# The machine's compiler, but headers and libraries of the root.
build() {
    local version=$1 target=$2 root=$cache/postgresql-$1 config=$scratch/pg_config-$1 source=$scratch/source-$1 flag flags=
    # a pg_config that answers with the paths as they are from outside
    cat >"$config" <<SCRIPT
#!/bin/sh
chroot '$root' /usr/lib/postgresql/$version/bin/pg_config "\$@" | sed -E 's#(^|[ =I])/usr/#\\1$root/usr/#g'
SCRIPT
    chmod +x "$config"
    # The root's PostgreSQL was compiled by another compiler, with flags that this one need not know.
    for flag in $("$config" --cflags); do
        if gcc "$flag" -fsyntax-only -xc /dev/null 2>/dev/null; then flags+=" $flag"; fi
    done
    mkdir "$source"
    tar -C "$tree" --exclude=.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' --exclude='./kpicrm--*.sql' -cf - . | tar -C "$source" -xf -
    quietly make -s -j "$(nproc)" -C "$source" PG_CONFIG="$config" with_llvm=no CC="gcc --sysroot=$root" CFLAGS="$flags" || die "kpicrm does not build for PostgreSQL $version"
    grep -E 'warning:' "$scratch/log" >&2 || true
    quietly make -s -C "$source" PG_CONFIG="$config" with_llvm=no DESTDIR="$scratch/files-$version" install || die "make install for PostgreSQL $version"
    mkdir -p "$target"
    cp -r "$scratch/files-$version$root/." "$target/"
}

new_place() {
    place=$(mktemp -d "$cache/postgresql-$1/tmp/kpicrm.XXXXXX")
    places+=("$place")
    chown 5432:5432 "$place"
}

within() {
    local root=$cache/postgresql-$1 folder=${2#"$cache/postgresql-$1"}
    shift 2
    chroot --userspec=5432:5432 "$root" /usr/bin/env -i -C "$folder" HOME=/tmp USER=postgres LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
