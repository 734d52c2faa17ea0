import { Link2Off } from 'lucide-react';
import { useState } from 'react';

import { callGuest, GUEST_NAME_MAX, type Visitor } from '../account/visitor';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Input, Labelled } from '../ui/input';
import { Menu, MenuItem, MenuNote } from '../ui/menu';
import { HomeLink } from '../ui/not-found';
import { Notice } from '../ui/notice';

type Guest = Extract<Visitor, { kind: 'guest' }>;

/** Says that one is here as a guest; those without an account choose a name, or sign in. */
export function GuestMenu({ guest: { name, signIn } }: { guest: Guest }) {
  const [naming, setNaming] = useState(false);
  return (
    <>
      <Menu trigger={<Button aria-label="You are a guest">{name ? `${name} (guest)` : 'Guest'}</Button>}>
        <MenuNote>You opened this flow with a share link.</MenuNote>
        {signIn && <MenuItem onSelect={() => setNaming(true)}>Choose a name</MenuItem>}
        {signIn && <MenuItem onSelect={signIn}>Sign in</MenuItem>}
      </Menu>
      <Dialog title="Your name" description="Others in this flow see it, as a guest’s." open={naming} onClose={() => setNaming(false)}>
        <NameForm name={name} onDone={() => setNaming(false)} />
      </Dialog>
    </>
  );
}

function NameForm({ name, onDone }: { name: string; onDone: () => void }) {
  const [value, setValue] = useState(name);
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        callGuest(value);
        onDone();
      }}
    >
      <Labelled label="Name">{(props) => <Input {...props} value={value} maxLength={GUEST_NAME_MAX} onChange={(event) => setValue(event.target.value)} autoFocus />}</Labelled>
      <Button type="submit" look="primary">
        Save
      </Button>
    </form>
  );
}

export function LinkEnded({ guest: { signIn } }: { guest: Guest }) {
  return (
    <main className="h-full">
      <Notice
        icon={<Link2Off size={40} strokeWidth={1.5} aria-hidden />}
        title="This link does not open the flow"
        actions={signIn ? <Button look="primary" onClick={signIn}>Sign in</Button> : <HomeLink />}
      >
        It was revoked, has expired, or is not quite right. Ask whoever sent it for another one
        {signIn ? ', or sign in if you are a member of the flow.' : '.'}
      </Notice>
    </main>
  );
}
