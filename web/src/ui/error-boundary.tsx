import { Component, type ReactNode } from 'react';

import { Button } from './button';
import { Notice } from './notice';

/** A mistake of ours ends the page, not the work: what was drawn is kept elsewhere. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <Notice title="This page stopped working" actions={<Button look="primary" onClick={() => location.reload()}>Load it again</Button>}>
        What you drew is kept on this device and on the server.
      </Notice>
    );
  }
}
