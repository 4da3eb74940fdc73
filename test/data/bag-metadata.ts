/** What rosbag2 writes into a bag's `metadata.yaml` when the recording ends, of files without compression or with it. */
export function metadata(files: readonly string[], { storage = 'mcap', mode = '' } = {}): Uint8Array {
  const text = [
    'rosbag2_bagfile_information:',
    '  version: 9',
    `  storage_identifier: ${storage}`,
    '  duration:',
    '    nanoseconds: 30000000000',
    '  starting_time:',
    '    nanoseconds_since_epoch: 1782984600000000000',
    '  message_count: 31',
    '  topics_with_message_count: []',
    `  compression_format: ${mode === '' ? '""' : 'zstd'}`,
    `  compression_mode: ${mode === '' ? '""' : mode}`,
    ...(files.length > 0 ? ['  relative_file_paths:'] : ['  relative_file_paths: []']),
    ...files.map(file => `    - ${file}`),
    '  custom_data: ~',
    '  ros_distro: jazzy',
    '',
  ];
  return Buffer.from(text.join('\n'));
}
