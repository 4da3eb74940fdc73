/** Does the work as a user without rights: root is denied nothing. */
export async function asNobody(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(65534);
  await work().finally(() => process.seteuid?.(0));
}
