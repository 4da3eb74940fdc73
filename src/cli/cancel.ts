import { editCommand } from './api.js';

export const cancel = editCommand({
  verb: 'is cancelled (`filesync retry` resumes it)',
  edit: (api, which) => api.cancel(which),
});
