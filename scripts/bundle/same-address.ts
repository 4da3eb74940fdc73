/**
 * Stands for the package ip in the bundle, of which ftp-srv uses one function: the package has a known vulnerability
 * (CVE-2024-29415), and makes buffers in a way that Node warns of.
 */
export const isEqual = (a: string, b: string): boolean => withoutMapping(a) === withoutMapping(b);

/** An IPv4 address as it is, also where a socket for both families has it as `::ffff:127.0.0.1`. */
const withoutMapping = (address: string): string => address.toLowerCase().replace(/^::ffff:/, '');
