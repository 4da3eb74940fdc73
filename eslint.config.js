import js from '@eslint/js';
import ts from 'typescript-eslint';

/** One wall of the house: files in `room` may not import what the patterns name. */
const wall = (room, patterns, message) => ({
  files: [`src/${room}`],
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group: patterns, message }] }] },
});

const others = (...rooms) => rooms.map(room => `**/${room}/**`);

export default ts.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'build/', 'install/', 'log/'] },
  js.configs.recommended,
  ...ts.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      complexity: ['error', 10],
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 24, skipBlankLines: true, skipComments: true }],
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'Only src/main.ts touches the process; hand in what you need.' },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['src/ros/rclnodejs.ts', 'src/ros/rclnodejs-graph.ts', 'src/ros/guarded-node.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(ImportDeclaration, ImportExpression)[source.value=/^rclnodejs/]',
          message: 'The node stands on src/ros/graph.ts; only what implements it knows the library.',
        },
      ],
    },
  },
  { files: ['src/main.ts'], rules: { 'no-restricted-globals': 'off', 'no-console': 'off' } },
  {
    files: ['test/**', 'bench/**'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off', 'no-console': 'off' },
  },
  { files: ['**/*.js', '**/*.cjs'], ...ts.configs.disableTypeChecked },
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: { require: 'readonly', module: 'writable', console: 'readonly' } },
    rules: { '@typescript-eslint/no-require-imports': 'off', 'no-console': 'off' },
  },
  wall('errors.ts', ['./*', '../*'], 'errors.ts imports nothing of ours.'),
  wall('ports.ts', ['./*', '../*'], 'ports.ts imports nothing of ours.'),
  wall(
    'devices/**',
    [
      ...others('pipeline', 'cli', 'control', 'db', 'ros', 'sim', 'demo', 'config'),
      ...['!**/config/definition.js', '!**/config/options.js', '**/compose.js'],
    ],
    'A device knows the ports, not the engine, and of the configuration how to say what its options are.',
  ),
  wall(
    'mavlink/**',
    [...others('devices', 'pipeline', 'cli', 'control', 'db', 'ros', 'sim', 'demo'), '**/compose.js'],
    'The protocol knows the ports, not the devices that speak it.',
  ),
  wall(
    'config/**',
    [...others('devices', 'mavlink', 'pipeline', 'cli', 'control', 'db', 'local', 'ros', 'sim', 'demo')],
    'The configuration knows what a kind of device is, not which there are.',
  ),
  wall(
    '{pipeline,rules}/**',
    [...others('devices', 'mavlink', 'cli', 'control', 'db', 'ros', 'sim', 'demo'), '**/compose.js'],
    'The pipeline knows the ports, not what stands behind them.',
  ),
  wall(
    '{db,local}/**',
    [...others('devices', 'mavlink', 'pipeline', 'cli', 'control', 'ros', 'sim', 'demo'), '**/compose.js'],
    'Storage knows the ports only.',
  ),
  wall(
    'sim/**',
    [...others('devices', 'pipeline', 'cli', 'control', 'db', 'local', 'config', 'ros')],
    'The simulated autopilot shares only the wire format with the client.',
  ),
  wall('{control,system}/**', others('ros'), 'Everything works without ROS.'),
  wall('ros/**', [...others('cli', 'sim', 'demo'), '**/compose.js'], 'The ROS node is a face of the engine.'),
);
