#!/usr/bin/env bash
# Builds the Debian package from dist/ and prints its path.
#
# Usage: [ARCH=amd64|arm64] [NODE=22] [OUTPUT=FOLDER] packaging/deb.sh
#
# ARCH is this machine's by default. Nothing is compiled, so each machine builds the package of each architecture. NODE is a
# version (22, 22.23.5): the package carries that Node instead of depending on the package nodejs. The same commit makes the
# same bytes: file times are those of the commit, the order of files is dpkg-deb's, by name.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=${ARCH:-$(dpkg --print-architecture)}
output=${OUTPUT:-build/deb}
case $arch in
amd64) cpu=x64 ;;
arm64) cpu=arm64 ;;
*) echo "There is no package for the architecture $arch: set ARCH to amd64 or arm64." >&2 && exit 2 ;;
esac
[ -e dist/main.js ] || { echo "dist/main.js is missing: run npm run build." >&2 && exit 1; }
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
lib=$root/usr/lib/filesync
doc=$root/usr/share/doc/filesync
version=$(node -p 'require("./package.json").version')
maintainer=$(sed -n 's|.*<maintainer email="\(.*\)">\(.*\)</maintainer>.*|\2 <\1>|p' package.xml)
# What the prebuilt binding of serialport and Node itself are linked to.
depends='libc6 (>= 2.28), libgcc-s1, libstdc++6, systemd | systemd-sysusers'

put() { install -D -m "$1" "$2" "$root/$3"; }
packed() { gzip -9n <"$1" >"$2"; }

install_program() {
  mkdir -p "$lib/dist"
  # Source maps are left out: they are larger than the program.
  find dist -maxdepth 1 -type f ! -name '*.map' ! -name '*.LEGAL.txt' -exec install -m 644 -t "$lib/dist" {} +
  mkdir -p "$lib/dist/page"
  find dist/page -maxdepth 1 -type f ! -name '*.map' ! -name '*.LEGAL.txt' -exec install -m 644 -t "$lib/dist/page" {} +
  # Node prints a trace without maps; a link to one that is missing would mislead.
  sed -i -e '/^\/\/# sourceMappingURL=/d' -e '1{/^#!/d}' "$lib"/dist/*.js
  echo '{ "type": "module" }' >"$lib/package.json"
  # What the autopilot of the demo has recorded.
  install -D -m 644 -t "$lib/test/data" test/data/*.ulg
}

# One file instead of 17 packages; node-gyp-build finds the binding beside it.
install_serialport() {
  local folder=$lib/node_modules/serialport
  node_modules/.bin/esbuild packaging/serialport.js --bundle --platform=node --format=cjs --target=node20.20 \
    --legal-comments=none --sourcemap --log-level=warning --outfile="$work/serialport/index.js"
  mkdir -p "$folder/dist"
  sed '/^\/\/# sourceMappingURL=/d' "$work/serialport/index.js" >"$folder/dist/index.js"
  echo '{ "name": "serialport", "main": "dist/index.js" }' >"$folder/package.json"
  install -D -m 644 -t "$folder/prebuilds/linux-$cpu" \
    node_modules/@serialport/bindings-cpp/prebuilds/linux-$cpu/*.glibc.node
}

install_node() {
  local name=node-linux-$cpu archive
  archive=$(npm pack --silent --pack-destination "$work" "$name@$NODE")
  tar -xzf "$work/$archive" -C "$work" package/bin/node package/LICENSE
  put 755 "$work/package/bin/node" usr/lib/filesync/node
  node_version=${archive#"$name"-}
  node_version=${node_version%.tgz}
  version+=+node$node_version
}

install_service() {
  put 644 packaging/filesync.service lib/systemd/system/filesync.service
  put 644 packaging/filesync.sysusers usr/lib/sysusers.d/filesync.conf
  put 644 packaging/filesync.polkit.rules usr/share/polkit-1/rules.d/50-filesync.rules
  put 640 packaging/filesync.yaml etc/filesync/filesync.yaml
  put 640 packaging/filesync.env etc/filesync/filesync.env
  # The unit compares: the service does not start while the configuration is as it was shipped.
  put 644 packaging/filesync.yaml usr/share/filesync/filesync.yaml
}

install_wrapper() {
  local node=/usr/bin/node
  [ -z "${NODE:-}" ] || node=/usr/lib/filesync/node
  mkdir -p "$root/usr/bin"
  printf '#!/bin/sh\nexec %s /usr/lib/filesync/dist/main.js "$@"\n' "$node" >"$root/usr/bin/filesync"
  chmod 755 "$root/usr/bin/filesync"
}

# The page has what `filesync --help` prints.
manual() {
  printf '.TH FILESYNC 1 "" "filesync %s"\n.SH NAME\nfilesync \\- brings files from autopilots and cameras to their targets\n' \
    "$(node -p 'require("./package.json").version')"
  printf '.SH DESCRIPTION\n.nf\n'
  COLUMNS=80 node dist/main.js --help | sed -e 's/\\/\\e/g; s/-/\\-/g' -e "s/^[.']/\\\\\&&/"
  printf '.fi\n.SH FILES\n.TP\n.I /etc/filesync/filesync.yaml\nThe configuration of the service;\n'
  printf '.I /usr/share/doc/filesync/CONFIGURATION.md.gz\nhas every key.\n'
  printf '.TP\n.I /etc/filesync/filesync.env\nIts secrets, as environment variables.\n'
}

install_documents() {
  mkdir -p "$doc"
  node packaging/copyright.js dist dist/page "$work/serialport" >"$doc/copyright"
  packed docs/CONFIGURATION.md "$doc/CONFIGURATION.md.gz"
  mkdir -p "$root/usr/share/man/man1" && packed packaging/man/filesync.1 "$root/usr/share/man/man1/filesync.1.gz"
  put 644 packaging/completions/filesync.bash usr/share/bash-completion/completions/filesync
  put 644 packaging/completions/_filesync usr/share/zsh/vendor-completions/_filesync
  put 644 packaging/completions/filesync.fish usr/share/fish/vendor_completions.d/filesync.fish
  {
    printf 'filesync (%s) unstable; urgency=medium\n\n  * See CHANGELOG.rst.gz.\n\n' "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(LC_ALL=C date -uRd "@$SOURCE_DATE_EPOCH")"
  } >"$work/changelog"
  packed "$work/changelog" "$doc/changelog.gz"
  mkdir -p "$root/usr/share/man/man1"
  manual >"$work/filesync.1"
  packed "$work/filesync.1" "$root/usr/share/man/man1/filesync.1.gz"
  packed CHANGELOG.rst "$doc/CHANGELOG.rst.gz"
  put 644 packaging/debian/lintian-overrides usr/share/lintian/overrides/filesync
  [ -n "${NODE:-}" ] || return 0
  printf 'Node.js %s is licensed as LICENSE.node.gz says.\n' "$node_version" >>"$doc/copyright"
  packed "$work/package/LICENSE" "$doc/LICENSE.node.gz"
  cat packaging/debian/lintian-overrides.node >>"$root/usr/share/lintian/overrides/filesync"
}

write_control() {
  local control=$root/DEBIAN
  mkdir -p "$control"
  [ -n "${NODE:-}" ] || depends="nodejs (>= 20.20), $depends"
  sed -e "s#@VERSION@#$version#; s#@ARCH@#$arch#; s#@MAINTAINER@#$maintainer#; s#@DEPENDS@#$depends#" \
    -e "s#@SIZE@#$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)#" \
    packaging/debian/control.in >"$control/control"
  install -m 755 -t "$control" packaging/debian/{postinst,prerm,postrm}
  printf '/etc/filesync/%s\n' filesync.env filesync.yaml >"$control/conffiles"
  (cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\n' | LC_ALL=C sort |
    xargs -d '\n' md5sum >DEBIAN/md5sums)
}

install_program
install_serialport
[ -z "${NODE:-}" ] || install_node
install_service
install_wrapper
install_documents
write_control
find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$output"
package=$output/filesync_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
echo "$package"
