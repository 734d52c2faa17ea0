import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

/** What only some folders may import, so that the seams of the editor stay where they are. */
const YJS = ['yjs', 'yjs/*', 'y-websocket', 'y-indexeddb', 'y-protocols/*', 'lib0/*'];
const CANVAS = ['@xyflow/*'];
const only = (group, folder) => ({ group, message: `Only src/${folder}/ imports this.` });

export default ts.config(
  { ignores: ['dist', 'test-results', 'node_modules', 'src/**/*.generated.ts', 'build/sw.template.js'] },
  js.configs.recommended,
  ...ts.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } } } },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      'no-restricted-imports': ['error', { patterns: [only(YJS, 'collab'), only(CANVAS, 'editor')] }],
    },
  },
  {
    files: ['src/collab/**/*.{ts,tsx}'],
    rules: { 'no-restricted-imports': ['error', { patterns: [only(CANVAS, 'editor')] }] },
  },
  {
    files: ['src/editor/**/*.{ts,tsx}'],
    rules: { 'no-restricted-imports': ['error', { patterns: [only(YJS, 'collab')] }] },
  },
  { files: ['eslint.config.js'], ...ts.configs.disableTypeChecked },
);
