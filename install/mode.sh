# install/mode.sh: what install.sh does for the five modes of the specification, and how it takes it back. Read by install.sh.
#
# What must be taken back later is noted in $record before it is made: the packages that were not there, and the users, groups
# and files that these leave behind though they are purged.

record=/var/lib/op-dbus-install
library=/usr/local/lib/op-dbus
program=/usr/local/bin/op-dbus
completion=/usr/local/share/bash-completion/completions/op-dbus
manual=/usr/local/share/man/man8/op-dbus.8
xray_path=/usr/local/bin/xray
shaper=/usr/local/bin/op-dbus-shaper
settings=/etc/op-dbus
state=$settings/state.json

switch_packages=(openvswitch-switch nftables iproute2 conntrack iputils-ping curl openssl ca-certificates procps kmod netbase)
# Made by those packages, and left by their purge; /etc/hosts by netbase, and taken back only as that has made it.
left_over=(/var/lib/openvswitch /etc/openvswitch /var/log/openvswitch /var/lib/lxc /var/log/lxc /var/cache/lxc /etc/lxc)
tunnel_packages=(wireguard-tools wireguard-go)
# Proxmox has its own, which Debian's would take the place of.
lxc_packages=(lxc uidmap mmdebstrap)

choose_mode() {
  local choice
  printf '%s\n' 'Select deployment mode:' '' \
    '  [1] Full (Proxmox) - All features' \
    '  [2] Standalone - OVS + Flows only (no containers)' \
    '  [3] Privacy Client - WireGuard + Warp + XRay Client' \
    '  [4] Privacy VPS - XRay Server only' \
    '  [5] Agent - Minimal (D-Bus plugins only)' ''
  read -r -p 'Enter mode [1-5]: ' choice || fail "no answer" "Enter a number from 1 to 5, or give --mode NAME."
  case "$choice" in
    1) mode=full ;;
    2) mode=standalone ;;
    3) mode=privacy-client ;;
    4) mode=privacy-vps ;;
    5) mode=agent ;;
    *) fail "no mode $choice" "Enter a number from 1 to 5." ;;
  esac
}

mode_packages() {
  case "$mode" in
    agent) echo dbus iproute2 nftables ;;
    standalone) echo dbus "${switch_packages[@]}" ;;
    privacy-client) echo dbus "${switch_packages[@]}" "${tunnel_packages[@]}" gcc-bpf ;;
    privacy-vps) echo dbus "${switch_packages[@]}" "${tunnel_packages[@]}" ;;
    full) echo dbus "${switch_packages[@]}" "${tunnel_packages[@]}" gcc-bpf tcpdump ;;
  esac
  case "$mode" in privacy-* | full) on_proxmox || echo "${lxc_packages[@]}" ;; esac
  modules_there || needs_npm
}

on_proxmox() {
  command -v pct >/dev/null
}

profile() {
  case "$mode" in standalone) echo none ;; full) echo '' ;; *) echo "$mode" ;; esac
}

# Tells what it does; with --dry-run only that.
act() {
  local title=$1
  shift
  if [ -n "$dry_run" ]; then echo "would: $title"; else step "$title" "$@"; fi
}

install_mode() {
  local wanted
  foreign_in_the_way
  # First: what is not what it should be stops it before anything else is installed.
  [ -z "$xray" ] || act "Xray from $xray, checked by its SHA-256, to $xray_path" install_xray
  read -r -a wanted <<<"$(mode_packages | tr '\n' ' ')"
  mapfile -t wanted < <(missing "${wanted[@]}")
  if [ "${#wanted[@]}" -gt 0 ]; then act "Packages from Debian: ${wanted[*]}" install_noted "${wanted[@]}"; fi
  modules_there || act 'Node.js 24 and libraries from npm' install_modules
  [ -n "$dry_run" ] || step 'Building op-dbus' build
  act "Program in $library, reached by $program" install_program
  if [ -n "$dry_run" ] || [ -x "$here/dist/op-dbus-shaper" ]; then act "The shaper, if it was compiled, to $shaper" install_shaper; fi
  act "Completion in $completion, manual in $manual" install_manual
  if [ -d /run/systemd/system ]; then
    act 'Units op-dbus and op-dbus-blocker; the daemon is started anew if it is another one, and nothing else' "$program" service install
    [ "$mode" = agent ] || act 'Open vSwitch started, if it is not' systemctl start openvswitch-switch
  else
    echo "note: systemd is not the first process here; have whatever starts services run: $program daemon"
  fi
  [ -n "$dry_run" ] || remove_old
  look_around
  configure_mode
}

# Never over anything of somebody else's.
foreign_in_the_way() {
  local target
  target=$(readlink "$program" 2>/dev/null || :)
  if [ -e "$program" ] || [ -L "$program" ]; then
    case "$target" in
      */bin/op-dbus) ;;
      *) fail "$program exists and is not op-dbus's" "Move it away: mv $program /root/" ;;
    esac
  fi
  if [ -n "$xray" ] && [ -e "$xray_path" ] && [ ! -e "$record/xray" ]; then
    fail "$xray_path exists and was not put there by this installer" "Leave out --xray to use it, or move it away."
  fi
}

# A line for each package that is there, whole or in part, and for each user and group.
inventory() {
  {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -nE '/^(not-installed|config-files) /!s/^[^ ]+/package/p'
    sed 's/:.*//; s/^/user /' /etc/passwd
    sed 's/:.*//; s/^/group /' /etc/group
  } | sort -u
}

# What was not there before, dependencies too. The list before is kept while apt is at work, for a run that is killed.
install_noted() {
  local path
  mkdir -p "$record"
  if [ ! -e "$record/absent" ]; then
    for path in "${left_over[@]}" /etc/hosts; do [ -e "$path" ] || echo "$path"; done >"$record/absent.new"
    mv "$record/absent.new" "$record/absent"
  fi
  [ -e "$record/before" ] || { inventory >"$record/before.new" && mv "$record/before.new" "$record/before"; }
  install_packages "$@" || return 1
  if grep -qsx /etc/hosts "$record/absent" && [ -e /etc/hosts ] && [ ! -e "$record/hosts" ]; then cp /etc/hosts "$record/hosts"; fi
  note_made
}

note_made() {
  [ -e "$record/before" ] || return 0
  touch "$record/made"
  inventory | comm -13 "$record/before" - | sort -u - "$record/made" >"$record/made.new"
  mv "$record/made.new" "$record/made"
  rm "$record/before"
}

# The names of one kind: package, user, group.
made() {
  sed -n "s/^$1 //p" "$record/made"
}

# A file or an address; without the checksum nothing is taken, and none is made up here.
install_xray() {
  local work status=0
  work=$(mktemp -d)
  take_xray "$work/given" || status=$?
  rm -rf "$work" "$xray_path.new"
  return "$status"
}

take_xray() {
  local given=$1 sum
  case "$xray" in
    https://*)
      command -v curl >/dev/null || install_noted curl ca-certificates || return 1
      curl -fsSL --proto =https --max-time 300 -o "$given" "$xray" || return 1 ;;
    *) cp "$xray" "$given" || return 1 ;;
  esac
  sum=$(sha256sum <"$given")
  if [ "${sum%% *}" != "$xray_sha256" ]; then
    echo "$xray: its SHA-256 is ${sum%% *}, not $xray_sha256: it is not what you meant, and is not installed"
    return 1
  fi
  if [ "$(head -c 2 "$given")" = PK ]; then
    command -v unzip >/dev/null || install_noted unzip || return 1
    unzip -p "$given" xray >"$xray_path.new" || { echo "$xray: no program xray in this zip" && return 1; }
  else
    cp "$given" "$xray_path.new" || return 1
  fi
  chmod 755 "$xray_path.new"
  timeout 20 "$xray_path.new" version </dev/null || { echo "$xray: it does not run here: is it for this processor?" && return 1; }
  mkdir -p "$record" && touch "$record/xray" || return 1
  mv "$xray_path.new" "$xray_path"
}

# At a path that stays the same from version to version: containers are shown it.
install_shaper() {
  cp "$here/dist/op-dbus-shaper" "$shaper.new" && chmod 755 "$shaper.new" && mv "$shaper.new" "$shaper"
}

# A folder of its own for each version, whole before it is named; the link to it is replaced in one step.
install_program() {
  local stamp folder fresh built=(dist/op-dbus.js dist/hook.sh)
  # Without its compiler, which only modes with a tunnel install, there is none.
  [ ! -e "$here/dist/pad.o" ] || built+=(dist/pad.o)
  stamp=$(cd "$here" && cat "${built[@]}" package-lock.json bin/op-dbus | sha256sum | cut -c 1-12) || return 1
  folder=$library/$stamp
  mkdir -p "$library" "$record" || return 1
  if [ ! -d "$folder" ]; then
    fresh=$library/.new
    rm -rf "$fresh"
    mkdir -p "$fresh/dist" "$fresh/node_modules/.bin" || return 1
    (cd "$here" && cp -R bin docs schema src package.json "$fresh/" && cp "${built[@]}" "$fresh/dist/") || return 1
    cp -L "$here/node_modules/.bin/node" "$fresh/node_modules/.bin/node" || return 1
    chown -R root:root "$fresh" && chmod -R u+rwX,go+rX,go-w "$fresh" || return 1
    mv "$fresh" "$folder" || return 1
  fi
  relink "$stamp" "$library/current" && relink "$library/current/bin/op-dbus" "$program"
}

relink() {
  rm -f "$2.new" && ln -s "$1" "$2.new" && mv -T "$2.new" "$2"
}

remove_old() {
  local current folder
  current=$(readlink "$library/current")
  for folder in "$library"/*/ "$library/.new/"; do
    folder=${folder%/}
    case "${folder##*/}" in current | "$current") ;; *) rm -rf "$folder" ;; esac
  done
}

install_manual() {
  mkdir -p "${completion%/*}" "${manual%/*}" || return 1
  "$program" manual --completion >"$completion.new" && mv "$completion.new" "$completion" || return 1
  "$program" manual >"$manual.new" && mv "$manual.new" "$manual"
}

# What the mode will meet on this machine. Nothing here is an error: op-dbus doctor FILE says more.
look_around() {
  local module
  if on_proxmox; then
    echo 'Proxmox: found.'
  elif [ "$mode" = full ]; then
    echo 'Proxmox: not found; containers are plain LXC.'
  fi
  [ "$mode" != agent ] || return 0
  for module in openvswitch wireguard; do
    [ "$mode:$module" != standalone:wireguard ] || continue
    [ -d "/sys/module/$module" ] || modprobe -nq "$module" 2>/dev/null ||
      echo "note: the kernel has no module $module; the userspace one serves, and is slower"
  done
  if [ -d /sys/class/net/ovsbr0 ] && [ "$(ovs-vsctl --timeout=5 br-exists ovsbr0 2>/dev/null && ovs-vsctl --timeout=5 br-get-external-id ovsbr0 op-dbus 2>/dev/null)" = '' ]; then
    echo 'note: there is a bridge ovsbr0 that is not of op-dbus; apply refuses to touch it: name another one in the state file'
  fi
  case "$mode" in
    privacy-* | full)
      [ -x "$xray_path" ] || command -v xray >/dev/null ||
        echo "note: no Xray given (--xray FILE --xray-sha256 SUM): the containers run Debian's v2ray" ;;
  esac
}

configure_mode() {
  local wanted
  wanted=$(profile)
  if [ -e "$state" ]; then
    echo "$state is there already, and stays as it is."
  elif [ "$mode" = full ] || [ "$mode" = agent ]; then
    echo "Next: op-dbus init --profile ${wanted:-none|privacy-client|privacy-vps} -o $state"
  else
    act "State file $state (0600) for profile $wanted" "$program" init --profile "$wanted" -o "$state"
  fi
  filled_in || case "$mode" in
    privacy-client) echo "Edit $state: VPS_IP, UUID, CLIENT_PUBLIC_KEY, WARP_PUBLIC_KEY; keys and the VPS's certificate go into $settings/files/. op-dbus explain, then diff, say what is missing" ;;
    privacy-vps) echo "Edit $state: UUID, VPS_PUBLIC_IP; certificate and key go into $settings/files/. See: op-dbus init --help" ;;
  esac
  if [ -n "$apply" ]; then
    if [ -n "$dry_run" ]; then
      echo "would: op-dbus apply $state, if everything in it is filled in"
    elif [ ! -e "$state" ]; then
      fail "installed, but not applied: there is no $state" "Write one as said above, and: op-dbus apply $state"
    elif filled_in; then
      watched "$program" apply "$state"
    else
      fail "installed, but not applied: something in $state is not filled in" "See: op-dbus explain $state"
    fi
  else
    echo "Then: op-dbus apply $state && op-dbus test"
  fi
}

filled_in() {
  "$program" explain "$state" >/dev/null 2>&1
}

# In the order in which it must go: what op-dbus made, while op-dbus is there; then op-dbus; then what it ran on.
uninstall() {
  if [ -x "$program" ]; then
    if [ -d /run/systemd/system ]; then act 'Removing the units, and the daemon' "$program" service uninstall; fi
    act 'Removing containers, bridges, flows, filters that op-dbus has made' "$program" down
  fi
  act "Removing program, completion, manual, cache of container templates" remove_files
  if [ -e "$record/made" ] || [ -e "$record/before" ]; then act 'Removing the packages that were not there before' remove_packages; fi
  if [ -n "$purge" ]; then
    act "Removing $settings, with all keys in it" rm -rf "$settings"
  elif [ -e "$settings" ]; then
    echo "$settings stays, since it holds your keys; --purge removes it."
  fi
  [ -n "$dry_run" ] || rm -rf "$record" "$log"
}

remove_files() {
  [ ! -e "$record/xray" ] || rm -f "$xray_path" || return 1
  rm -rf "$library" /var/cache/op-dbus || return 1
  rm -f "$completion" "$manual" "$shaper" || return 1
  case "$(readlink "$program" 2>/dev/null)" in "$library"/*) rm -f "$program" ;; esac
  rmdir --ignore-fail-on-non-empty -p "${completion%/*}" 2>/dev/null || :
  rmdir --ignore-fail-on-non-empty "${manual%/*}" 2>/dev/null || :
}

# Not what somebody else's package has come to need since.
remove_packages() {
  local ours others path
  # A guard that a killed run has left would keep the services from being stopped.
  rm -f "$guard.new"
  if ours; then rm -f "$guard"; fi
  finish_killed || return 1
  note_made
  mapfile -t ours < <(kept_packages)
  if [ "${#ours[@]}" -gt 0 ]; then
    others=$(apt-get -s purge "${ours[@]}" | sed -n 's/^\(Purg\|Remv\) \([^ :]*\).*/\2/p' | sort -u | comm -13 <(made package) -) || return 1
    if [ -n "$others" ]; then
      echo "note: these stay, since $(echo $others) need them: ${ours[*]}" >&3
      return 0
    fi
  fi
  # What was being removed when a run was killed loses its settings only when it is purged once more.
  while [ "${#ours[@]}" -gt 0 ]; do
    others=${ours[*]}
    DEBIAN_FRONTEND=noninteractive whole apt-get -o DPkg::Lock::Timeout=300 purge -y "${ours[@]}" || return 1
    mapfile -t ours < <(kept_packages)
    [ "${ours[*]}" != "$others" ] || return 1
  done
  remove_accounts || return 1
  while read -r path; do
    case "$path" in
      /etc/hosts) ! cmp -s /etc/hosts "$record/hosts" || rm -f /etc/hosts ;;
      /etc/* | /var/*) ! mountpoint -q "$path" || continue; rm -rf "$path" ;;
    esac
  done <"$record/absent"
}

# Of the packages that were not there before those of which anything is there, be it their settings alone.
kept_packages() {
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n '/^not-installed /!s/^[^ ]* //p' | sort -u | comm -12 - <(made package)
}

# The system's own alone: a person's account that was made meanwhile is not a package's.
remove_accounts() {
  local name
  for name in $(made user); do
    [ "$(id -u "$name" 2>/dev/null || echo 1000)" -ge 1000 ] || userdel "$name" || return 1
  done
  for name in $(made group); do
    [ "$(getent group "$name" | cut -d: -f3 | grep . || echo 1000)" -ge 1000 ] || groupdel "$name" || return 1
  done
}
