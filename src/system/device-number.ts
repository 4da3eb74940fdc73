/** Major and minor number as the kernel writes them, `8:1`: Linux packs both into the one of stat(2) (makedev(3)). */
export function deviceNumber(device: number | bigint): string {
  const packed = BigInt(device);
  const major = ((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n);
  const minor = (packed & 0xffn) | ((packed >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
