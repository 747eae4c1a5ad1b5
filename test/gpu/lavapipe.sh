#!/usr/bin/env bash
# Prints the path of a Vulkan driver file for Mesa's software adapter of version 25, unpacked into the folder $1 from Debian's backports; bookworm's own
# is too old for WebGPU. Needs apt-get and dpkg, installs nothing but libvulkan1, and fails where there is no such package.
set -euo pipefail
folder=$1
mkdir -p "$folder/lists/partial" "$folder/parts" "$folder/mesa"
ldconfig -p | grep -q libvulkan.so.1 || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libvulkan1; } > /dev/null
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] ${DEBIAN_MIRROR:-http://deb.debian.org/debian} bookworm-backports main" > "$folder/sources.list"
apt=(apt-get -o "Dir::Etc::sourcelist=$folder/sources.list" -o "Dir::Etc::sourceparts=$folder/parts" -o "Dir::State::lists=$folder/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
"${apt[@]}" update > /dev/null
cd "$folder"
"${apt[@]}" download mesa-vulkan-drivers/bookworm-backports > /dev/null 2>&1
dpkg -x mesa-vulkan-drivers_*.deb mesa
library=$(find "$folder/mesa" -name libvulkan_lvp.so)
# What the driver is linked to and a bare system lacks.
needed=$(ldd "$library" | awk '/not found/ { print $1 }')
if [ -n "$needed" ]; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libllvm15 libdrm2 libdrm-amdgpu1 libelf1 libexpat1 libwayland-client0 libx11-xcb1 libxcb-dri3-0 libxcb-present0 libxcb-randr0 libxcb-shm0 libxcb-sync1 libxcb-xfixes0 libxshmfence1 libzstd1 > /dev/null
fi
printf '{ "ICD": { "api_version": "1.4.305", "library_path": "%s" }, "file_format_version": "1.0.0" }\n' "$library" > "$folder/driver.json"
echo "$folder/driver.json"
