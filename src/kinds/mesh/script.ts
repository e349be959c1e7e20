// netmaker-first-boot.sh and netclient's unit, which run inside (netclient's commands; its exit codes tell little: reference, §7).

/** Paths inside the container. */
export const program = '/usr/local/bin/netmaker-first-boot.sh';
export const tokenPath = '/etc/netmaker.env';
/** How far it is, as JSON: `{"state":"waiting"|"joined","address":"…","reason":"…"}`. */
export const statePath = '/var/lib/netmaker-first-boot/state';
/** Netclient's own name for its interface. */
export const device = 'netmaker';

/**
 * Registers once, waits for the interface to have its address, removes the token. What netclient says is never passed on
 * as it is: its errors quote the address that it posts to, and the token is a part of that.
 */
export const script = `#!/bin/sh
# Written by op-dbus. Joins a Netmaker mesh, once, and tells in ${statePath} how far it is.
# join PORT: registers unless it is registered, waits for the interface, removes the token. leave: leaves the mesh.
set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
file=${tokenPath}
state=${statePath}
home=\${state%/*}
device=${device}
token=

report() {
  printf '{"state":"%s","address":"%s","reason":"%s"}\\n' "$1" "$2" "$3" >"$state.new" && mv -f "$state.new" "$state"
  echo "$1 $2$3"
}

# The interface tells whether it is joined: netclient ends with 0 whatever happened.
address() {
  wg show "$device" public-key >/dev/null 2>&1 || return 0
  ip -4 -o address show dev "$device" 2>/dev/null | sed -n 's/.* inet \\([0-9./]*\\) .*/\\1/p' | head -n 1
}

# The last thing that was said, without the token, in letters that need no quotes. The shell itself does it: an argument
# of another program would show what it cuts out.
reason() {
  rest=$1
  clean=
  while [ -n "$token" ]; do
    case $rest in *"$token"*) ;; *) break ;; esac
    clean="$clean\${rest%%"$token"*}..."
    rest=\${rest#*"$token"}
  done
  last=$(printf '%s\\n' "$clean$rest" | grep -v '^ *$' | tail -n 1 | tr -cd 'A-Za-z0-9 .,:;/_()=+-' | cut -c 1-200)
  begin=\${token%"\${token#????????????????}"}
  case $last in *"\${begin:-no token}"*) last= ;; esac
  echo "\${last:-netclient said nothing}"
}

register() {
  token=$(sed -n 's/^NETMAKER_TOKEN="\\(.*\\)"$/\\1/p' "$file" 2>/dev/null)
  if [ -z "$token" ]; then
    why="there is no token: op-dbus apply"
    return 1
  fi
  # Another container's identity, that a template or a clone has brought along, is none of this one's.
  [ -e "$home/tried" ] || rm -rf /etc/netclient
  : >"$home/tried"
  # It takes the token by its arguments alone.
  said=$(timeout 180 netclient join -t "$token" -p "$port" 2>&1)
  code=$?
  case $said in
    *"registered with server"*) : >"$home/registered" ;;
    *)
      why="netclient join (exit status $code): $(reason "$said")"
      return 1
      ;;
  esac
}

# Whether the interface has its address, within so many seconds.
joined() {
  left=$1
  while found=$(address) && [ -z "$found" ]; do
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 1
  done
}

join() {
  mkdir -p "$home"
  [ -e "$state" ] || report waiting "" "its first try to join"
  delay=2
  while :; do
    why="the interface $device has no address yet"
    if ! joined 0 && { [ -e "$home/registered" ] || register; }; then
      systemctl enable netclient.service >/dev/null 2>&1
      systemctl start --no-block netclient.service
      joined 90
    fi
    if joined 0; then
      : >"$home/registered"
      report joined "$found" ""
      rm -f "$file"
      return 0
    fi
    report waiting "" "$why"
    sleep "$delay"
    delay=$((delay * 2))
    [ "$delay" -le 300 ] || delay=300
  done
}

leave() {
  systemctl stop netmaker-first-boot.service
  timeout 30 netclient uninstall >/dev/null 2>&1
  systemctl disable --now netclient.service >/dev/null 2>&1
  ip link delete dev "$device" 2>/dev/null
  rm -rf /etc/netclient "$home" "$file"
}

case \${1-} in
  join) port=$2 && join ;;
  leave) leave ;;
  *) echo "usage: $0 join PORT | leave" >&2 && exit 2 ;;
esac
`;

/** Netclient's own waits for 17 s at each boot, and has another path; netclient restarts it by this name. */
export const netclientUnit = `# Written by op-dbus.
[Unit]
Description=Netclient, which keeps ${device} as its Netmaker server says
After=network.target
ConditionPathExists=${statePath}

[Service]
ExecStart=/usr/local/bin/netclient daemon
Restart=on-failure
RestartSec=15

[Install]
WantedBy=multi-user.target
`;
