import js from '@eslint/js';
import ts from 'typescript-eslint';

/** One wall of the house: files in `room` may not import what the patterns name. */
const wall = (room, patterns, message) => ({
  files: [`src/${room}`],
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group: patterns, message }] }] },
});

const OTHER_LIBRARY = {
  selector: ':matches(ImportDeclaration, ImportExpression)[source.value=/^rclnodejs/]',
  message: 'The node stands on src/ros/graph.ts; only what implements it knows the library.',
};

/** Facts about files are made in src/record alone; everybody else says what happened, by an event. */
const FACTS = [
  "Property[key.name='copy'][value.type='ObjectExpression']",
  "Property[key.name='checkpoint'][value.type='ObjectExpression']",
  "Property[key.name='state'][value.value=/^(pending|sending|committing|done|failed)$/]",
  'CallExpression[callee.property.name=/^(put|note|putSource)$/][callee.object.property.name=/store$/i]',
].map(selector => ({
  selector,
  message: 'Say what happened: Records.apply or commit with an event of src/record.',
}));

/** Every room of src, what it may import besides itself, `system`, ports.ts and errors.ts, and why no more. */
const ROOMS = [
  ['system', [], 'What the machine offers knows nothing of files that travel.'],
  ['congestion', [], 'How many requests may be in flight is the same for any protocol.'],
  ['config', ['rules'], 'The configuration knows what a kind of device is, not which there are.'],
  ['rules', [], 'Rules are pure.'],
  ['record', [], 'The facts about files know the ports only.'],
  ['facts', [], 'What is in a file is the same wherever the file comes from.'],
  ['flights', ['record'], 'What belongs together is told from records alone.'],
  ['local', ['record'], 'Storage knows the ports only.'],
  [
    'fact-keeper',
    ['facts', 'record', 'local', 'rules'],
    'Facts are read of local copies, and of sources behind their port.',
  ],
  ['db', ['local', 'record'], 'Storage knows the ports only.'],
  ['mavlink', ['congestion'], 'The protocol knows the ports, not the devices that speak it.'],
  ['devices', ['mavlink', 'local', 'config'], 'A device knows the ports, not the engine.'],
  ['units', ['record', 'local', 'rules', 'facts'], 'Files that go together are judged by records and rules.'],
  [
    'engine',
    ['record', 'local', 'rules', 'units'],
    'The engine knows the ports, not what stands behind them.',
  ],
  [
    'notify',
    ['record', 'config', 'devices', 'flights'],
    'Messages are made from facts, and sent as devices send.',
  ],
  ['preview', ['record', 'rules'], 'What would be done is told from rules, listings and records alone.'],
  ['links', ['engine', 'record'], 'What is known of a link is told from what the engine reports.'],
  ['signals', ['facts', 'local', 'record'], 'What was measured in a flight is read from local copies alone.'],
  ['sim', ['mavlink'], 'The simulated autopilot shares only the wire format with the client.'],
  [
    'verify',
    ['record', 'local'],
    'What is compared are records, local copies and targets behind their ports.',
  ],
  [
    'api',
    ['engine', 'record', 'local', 'rules', 'db', 'config', 'verify', 'notify', 'flights', 'units', 'links'],
    'Queries and edits work without ROS.',
  ],
  ['fleet', ['api'], 'The status of a vehicle is made of what the API answers, and kept behind ports.'],
  ['web', ['api', 'config', 'metrics'], 'The web server is a face of the API.'],
  [
    'metrics',
    ['api', 'links', 'record'],
    'Figures are told from what the engine reports and the API answers.',
  ],
  [
    'ros',
    ['api', 'engine', 'record', 'devices', 'mavlink', 'config', 'local', 'rules'],
    'The ROS node is a face of the engine.',
  ],
];

/** Import patterns of the rooms that one must not use. */
function above(room, mayUse) {
  const all = [...ROOMS.map(([name]) => name), 'cli', 'demo', 'page'];
  const forbidden = all.filter(name => name !== room && name !== 'system' && !mayUse.includes(name));
  const parts =
    room === 'devices' ? ['**/config/**', '!**/config/definition.js', '!**/config/options.js'] : [];
  return [...forbidden.map(name => `**/${name}/**`), ...parts, '**/compose.js'];
}

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
    files: ['src/**/*.{ts,tsx}'],
    rules: {
      complexity: ['error', 10],
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'Only src/main.ts touches the process; hand in what you need.' },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['src/ros/rclnodejs.ts', 'src/ros/rclnodejs-graph.ts', 'src/ros/guarded-node.ts'],
    rules: { 'no-restricted-syntax': ['error', OTHER_LIBRARY] },
  },
  {
    files: ['src/**/*.ts'],
    ignores: [
      'src/ros/rclnodejs.ts',
      'src/ros/rclnodejs-graph.ts',
      'src/ros/guarded-node.ts',
      'src/record/**',
      'src/db/**',
    ],
    rules: { 'no-restricted-syntax': ['error', OTHER_LIBRARY, ...FACTS] },
  },
  { files: ['src/main.ts'], rules: { 'no-restricted-globals': 'off', 'no-console': 'off' } },
  {
    files: ['test/**', 'bench/**'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off', 'no-console': 'off' },
  },
  { files: ['**/*.js', '**/*.cjs'], ...ts.configs.disableTypeChecked },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      globals: {
        require: 'readonly',
        module: 'writable',
        console: 'readonly',
        process: 'readonly',
        setTimeout: 'readonly',
      },
    },
    rules: { '@typescript-eslint/no-require-imports': 'off', 'no-console': 'off' },
  },
  {
    files: ['src/page/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['../*', '!../api'],
              message: 'The page runs in a browser: it has nothing of the server.',
            },
            {
              group: ['../api/*'],
              allowTypeImports: true,
              message: 'The page takes the types of the API, not its code.',
            },
          ],
        },
      ],
    },
  },
  wall('errors.ts', ['./*', '../*'], 'errors.ts imports nothing of ours.'),
  wall('file-facts.ts', ['./*', '../*'], 'file-facts.ts imports nothing of ours.'),
  wall(
    'file-record.ts',
    ['./*', '!./file-facts.js', '../*'],
    'file-record.ts imports nothing of ours but the facts.',
  ),
  wall('ports.ts', ['./*', '!./file-record.js', '../*'], 'ports.ts imports nothing of ours but the record.'),
  ...ROOMS.map(([room, mayUse, message]) => wall(`${room}/**`, above(room, mayUse), message)),
);
