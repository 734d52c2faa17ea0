import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';

import { changeMe } from '../../api/account';
import { Input, Labelled } from '../../ui/input';
import { changed } from '../session';
import { useUser } from '../use-account';
import { errorOf, Form } from './form';

export function Profile() {
  const user = useUser();
  const [name, setName] = useState(user.name);
  const [email, setEmail] = useState(user.email);
  const [password, setPassword] = useState('');
  const moves = email.trim().toLowerCase() !== user.email;
  const change = useMutation({
    mutationFn: () => changeMe({ name, ...(moves && { email, currentPassword: password }) }),
    onSuccess: (now) => {
      changed(now);
      setName(now.name);
      setEmail(now.email);
      setPassword('');
    },
  });
  return (
    <Form change={change} fields={['name', 'email', 'currentPassword']} action="Save" done="Saved.">
      <Labelled label="Name" error={errorOf(change.error, 'name')}>
        {(props) => <Input {...props} value={name} onChange={(event) => setName(event.target.value)} autoComplete="name" required />}
      </Labelled>
      <Labelled label="E-mail" error={errorOf(change.error, 'email')}>
        {(props) => <Input {...props} type="email" value={email} onChange={(event) => setEmail(event.target.value)} autoComplete="email" required />}
      </Labelled>
      {moves && (
        <Labelled label="Your password, to change the address" error={errorOf(change.error, 'currentPassword')}>
          {(props) => <Input {...props} type="password" value={password} onChange={(event) => setPassword(event.target.value)} autoComplete="current-password" required />}
        </Labelled>
      )}
    </Form>
  );
}
