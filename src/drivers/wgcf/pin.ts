// The one release of wgcf (github.com/ViRb3/wgcf) that op-dbus fetches when none is given, by its SHA-256.

/** A published binary; `sha256` in hexadecimal. */
export type Pin = { readonly version: string; readonly url: string; readonly sha256: string };

/**
 * By Node's name of the machine's architecture. The sums are those that seven public installers, written by others, pin
 * for these files; wgcf's project publishes the files, and nobody here could download one to count it again. A sum that
 * is wrong makes the fetched file be refused, never run: then `--wgcf PATH` is the way.
 */
export const pins: Readonly<Record<string, Pin>> = {
  x64: pin('amd64', '268d187e649870b603ad2e5c1b74a696251f6c2f6f075c726a174a0039b0b1e2'),
  arm64: pin('arm64', 'e5ff08d3aae5374935211053b2d64d96daaa3f1aec8e9a1dab7418125585a011'),
};

function pin(architecture: string, sha256: string): Pin {
  const version = '2.2.22';
  const file = `wgcf_${version}_linux_${architecture}`;
  return { version, url: `https://github.com/ViRb3/wgcf/releases/download/v${version}/${file}`, sha256 };
}
