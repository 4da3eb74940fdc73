import type { PathLike } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { MEMORY_FILE_SYSTEMS } from './memory-file-system.js';

/** File systems whose answers come from this machine alone (statfs(2), `f_type`; linux/magic.h). */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0xca451a4e, // bcachefs
  0x2fc12fc1, // ZFS
  ...MEMORY_FILE_SYSTEMS,
  0x794c7630, // overlayfs
  0x4d44, // FAT
  0x2011bab0, // exFAT
  0x7366746e, // NTFS
  0x24051905, // UBIFS
  0x72b6, // JFFS2
  0x73717368, // SquashFS
  0x9660, // ISO 9660
  0x15013346, // UDF
]);

/** A file system of that type is served by this machine's kernel alone. */
export const isLocalType = ({ type }: { readonly type: number }): boolean => LOCAL.has(type);

/** Whether the path's file system needs no server or other program, which could hang; undefined if unknown. Never rejects. */
export async function isLocal(path: PathLike): Promise<boolean | undefined> {
  return statfs(path).then(isLocalType, () => undefined);
}
