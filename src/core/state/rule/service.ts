// Services and configuration go together, and a container has one job.

import { bad, type ContainerDraft, entries } from '../draft.ts';
import type { Link } from '../link.ts';
import type { Finding } from '../problem.ts';
import { containerPath, repeated, type Rule } from './rule.ts';

export const services: Rule = ({ links }) =>
  links.flatMap((link) => [...unserved(link), ...unconfigured(link), ...jobs(link), ...devices(link)]);

/** Configuration that no service would run. */
function unserved({ index, container }: Link): readonly Finding[] {
  if (bad(container, 'services') || container.services?.includes(undefined)) return [];
  const listed = container.services ?? [];
  return Object.keys(container.config ?? {}).flatMap((name) => {
    const wanted = runners(name, container);
    if (wanted.length === 0 || wanted.some((service) => listed.includes(service))) return [];
    return [
      {
        path: containerPath(index, 'config', name),
        key: true,
        message: `no service runs ${name}: expected ${wanted.map((each) => `"${each}"`).join(' or ')} in services`,
      },
    ];
  });
}

/** The services that run a part of the configuration; none when its name can't be told. */
function runners(name: string, { config }: ContainerDraft): readonly string[] {
  if (name === 'xray') return ['xray'];
  if (name !== 'wg-quick') return ['wireguard', `wg-quick@${name}`];
  const device = config?.['wg-quick']?.interface;
  return device === undefined ? [] : [`wg-quick@${device}`];
}

/** Services that have nothing to run. Those that we don't configure are the user's own. */
function unconfigured({ index, container }: Link): readonly Finding[] {
  if (bad(container, 'config')) return [];
  const config = container.config ?? {};
  const present = Object.keys(config);
  return entries(container.services).flatMap(([position, service]) => {
    const path = containerPath(index, 'services', position);
    if (service === 'xray')
      return present.includes('xray') ? [] : [{ path, message: 'service xray has no config.xray' }];
    if (service === 'wireguard')
      return present.some((name) => /^wg[0-9]$/.test(name))
        ? []
        : [{ path, message: 'service wireguard has no config.wg0' }];
    const [, device] = /^wg-quick@(.*)$/.exec(service) ?? [];
    if (device === undefined || present.includes(device)) return [];
    if (present.includes('wg-quick') && [undefined, device].includes(config['wg-quick']?.interface)) return [];
    return [{ path, message: `service ${service} has no config.wg-quick with "interface": "${device}"` }];
  });
}

/** Roles decide how traffic is steered and pinned, so a container has one of them. */
function jobs({ index, container }: Link): readonly Finding[] {
  const config = container.config ?? {};
  const found = Object.keys(config).map((name) => (/^wg[0-9]$/.test(name) ? 'wg0' : name));
  const [first, second] = [...new Set(found)];
  const findings: Finding[] = [];
  if (first !== undefined && second !== undefined) {
    const name =
      Object.keys(config).find((key) => (second === 'wg0' ? /^wg[0-9]$/.test(key) : key === second)) ?? second;
    findings.push({
      path: containerPath(index, 'config', name),
      key: true,
      message: `a container has one job: expected ${second} in another container than ${first}`,
    });
  }
  const [from, to] = [config.xray?.inbound?.protocol, config.xray?.outbound?.protocol];
  if ((from === 'vmess' || from === 'vless') && (to === 'vmess' || to === 'vless'))
    findings.push({
      path: containerPath(index, 'config', 'xray', 'outbound', 'protocol'),
      message: `passing ${from} on to ${to} is not supported yet: expected "freedom"`,
    });
  if (from === 'socks' && to === 'freedom')
    findings.push({
      path: containerPath(index, 'config', 'xray', 'outbound', 'protocol'),
      message: 'a socks inbound leads to the VPS: expected "vmess" or "vless"',
    });
  return [...findings, ...reality(index, config)];
}

/** What REALITY takes the place of. */
function reality(index: number, { xray }: NonNullable<ContainerDraft['config']>): readonly Finding[] {
  const { inbound, outbound } = xray ?? {};
  const at = (...inner: readonly string[]) => containerPath(index, 'config', 'xray', ...inner);
  const findings: Finding[] = [];
  if (
    inbound?.protocol === 'vless' &&
    inbound.streamSettings?.security === 'reality' &&
    inbound.settings?.fallback !== undefined
  )
    findings.push({
      path: at('inbound', 'settings', 'fallback'),
      message: 'REALITY passes strangers on to its target: expected no fallback',
    });
  if (outbound?.protocol !== 'vless' || outbound.reality === undefined) return findings;
  if (outbound.certificate_file !== undefined)
    findings.push({
      path: at('outbound', 'certificate_file'),
      message: 'with reality the server proves itself by its public_key: expected no certificate_file',
    });
  if (!('server_name' in outbound))
    findings.push({
      path: at('outbound', 'server_name'),
      message: "missing: expected one of the server's serverNames",
    });
  return findings;
}

/** Interface names inside one container. */
function devices({ index, mode, device, container }: Link): readonly Finding[] {
  const inside = mode === 'veth' ? 'eth0' : device;
  const tunnels = Object.entries(container.config ?? {}).flatMap(([name, config]) => {
    if (name === 'xray') return [];
    if (name !== 'wg-quick') return [{ value: name, path: containerPath(index, 'config', name) }];
    const own = config !== undefined && 'interface' in config ? config.interface : undefined;
    return [{ value: own, path: containerPath(index, 'config', name, 'interface') }];
  });
  return repeated(
    [{ value: inside, path: containerPath(index) }, ...tunnels],
    (name) => `the container has an interface ${name} already: expected another name`,
  );
}
