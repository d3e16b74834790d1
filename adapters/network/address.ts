import { BlockList, isIPv6 } from 'node:net';

/** Platform helper: which addresses a public name must never lead to (loopback, link-local, private, carrier, mapped). */
const RESERVED: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
  ['::', 127],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

const listOf = (ranges: readonly (readonly [string, number])[]): BlockList => {
  const list = new BlockList();
  for (const [net, bits] of ranges) list.addSubnet(net, bits, isIPv6(net) ? 'ipv6' : 'ipv4');
  return list;
};
const reserved = listOf(RESERVED);
const loopback = listOf([
  ['127.0.0.0', 8],
  ['::1', 128],
]);

const family = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4');

export const isReservedAddress = (address: string): boolean => reserved.check(address, family(address));
export const isLoopbackAddress = (address: string): boolean => loopback.check(address, family(address));
