// What hides: padding in the kernel, tunnels, proxies, and the programs that get accounts for them.

import type { Facts } from '../fact.ts';
import { forKernel, install, known, less, no, unknown, valueOf, type Verdict, works } from '../finding.ts';

export function padding(facts: Facts): Verdict {
  return known([facts.clsact], ({ result, detail }) => {
    if (result === 'works') return works('a filter can be attached');
    if (result === 'loadable') return works(`not tried, that would load ${detail}`);
    const fix = detail.endsWith('not compiled') ? compile : forKernel(facts, 'modprobe -a sch_ingress cls_bpf');
    if (result === 'untried') return unknown(`not tried, that could load ${detail}`, fix);
    return no(`levels 2 and 3 can't pad: ${detail}`, `${fix}; or "padding": false in the file's obfuscation`);
  });
}

/** The program is compiled where op-dbus is built. */
const compile = `${install('gcc-bpf')}, then install.sh again (npm run build in a repository)`;

export function wireguardTools({ wg }: Facts): Verdict {
  return known([wg], (version) =>
    version === null
      ? less('not installed here; containers have their own', install('wireguard-tools'))
      : works(version),
  );
}

export function wireguardGo({ wireguardGo: asked }: Facts): Verdict {
  return known([asked], (version) =>
    version === null ? less('not installed here; containers have their own', install('wireguard-go')) : works(version),
  );
}

/** The host's xray goes into the containers; for want of it they have v2ray, which is in their template. */
export function proxy({ xray, v2ray }: Facts): Verdict {
  return known([xray, v2ray], (own, other) => {
    if (own !== null) return works(`xray ${own}`);
    return works(
      `v2ray of the containers' template${other === null ? '' : ` (here ${other})`}: VMess and VLESS over TLS; Vision and REALITY want xray (install.sh --xray)`,
    );
  });
}

/** What install.sh or the build compiles from native/shaper; `no` counts only where the state file shapes. */
export function shaping({ shaping: asked }: Facts): Verdict {
  return known([asked], (path) =>
    path === null
      ? no('op-dbus-shaper is not compiled', `${install('gcc', 'libc6-dev')}; then install.sh again`)
      : works(path),
  );
}

export function wgcf({ wgcf: asked }: Facts): Verdict {
  return known([asked], (path) =>
    path === null
      ? less(
          'not installed: it registers with WARP',
          'op-dbus warp register fetches it; or elsewhere, then op-dbus warp import FILE',
        )
      : works(path),
  );
}

/** In a container it can load no module, and for want of WireGuard in the kernel has its own, which needs tun. */
export function netclient(facts: Facts): Verdict {
  return known([facts.netclient, facts.modules], (path, { wireguard: state }) => {
    if (path === null)
      return less("not installed: only Netmaker's mesh wants it", 'install -m 755 netclient /usr/local/bin/');
    if (state === 'loaded' || state === 'built in' || valueOf(facts.wireguard)?.result === 'works') return works(path);
    if (state === 'loadable')
      return less(
        `${path}, but WireGuard is not loaded, and no container can load it`,
        forKernel(facts, 'modprobe wireguard && echo wireguard >> /etc/modules'),
      );
    if (valueOf(facts.tun)?.result === 'works') return works(`${path}; by its own WireGuard, which needs tun`);
    return less(`${path}, but neither WireGuard nor tun: it can't join`, forKernel(facts, 'modprobe -a wireguard tun'));
  });
}
