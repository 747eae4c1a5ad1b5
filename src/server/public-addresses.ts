// Which network addresses belong to the open internet; everything else is somebody's inside.
// From the special-purpose registries of IANA (RFC 6890 and its updates). Resolves nothing.

import { BlockList, isIP } from 'node:net';

const inside4 = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24],
  ['192.31.196.0', 24], ['192.52.193.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['192.175.48.0', 24], ['198.18.0.0', 15], ['198.51.100.0', 24],
  ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
] as const;
/** Within global unicast, 2000::/3: protocol assignments with Teredo and ORCHID, documentation, 6to4. */
const inside6 = [['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20]] as const;

/** Whether `address`, an IP address in text form, is one of the open internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  const list = new BlockList();
  if (family === 4) {
    for (const [network, prefix] of inside4) list.addSubnet(network, prefix, 'ipv4');
    return !list.check(address, 'ipv4');
  }
  if (family !== 6) return false;
  const unicast = new BlockList();
  unicast.addSubnet('2000::', 3, 'ipv6');
  for (const [network, prefix] of inside6) list.addSubnet(network, prefix, 'ipv6');
  // An IPv4 address in IPv6 clothes (::ffff:10.0.0.1, 64:ff9b::a00:1) is outside global unicast and so never public.
  return unicast.check(address, 'ipv6') && !list.check(address, 'ipv6');
}
