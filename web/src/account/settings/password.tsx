import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { changePassword } from '../../api/account';
import { Input, Labelled } from '../../ui/input';
import { useUser } from '../use-account';
import { errorOf, Form } from './form';
import { SESSIONS } from './sessions';

export function Password() {
  const user = useUser();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: () => changePassword(current, next),
    onSuccess: () => {
      setCurrent('');
      setNext('');
      return queries.invalidateQueries({ queryKey: SESSIONS });
    },
  });
  return (
    <Form change={change} fields={['currentPassword', 'newPassword']} action="Change password" done="Changed. You are signed out everywhere else.">
      {/* For password managers, which would not know whose password it is. */}
      <input type="email" name="username" autoComplete="username" value={user.email} readOnly hidden />
      <Labelled label="Current password" error={errorOf(change.error, 'currentPassword')}>
        {(props) => <Input {...props} type="password" value={current} onChange={(event) => setCurrent(event.target.value)} autoComplete="current-password" required />}
      </Labelled>
      <Labelled label="New password" error={errorOf(change.error, 'newPassword')}>
        {(props) => <Input {...props} type="password" value={next} onChange={(event) => setNext(event.target.value)} autoComplete="new-password" required />}
      </Labelled>
    </Form>
  );
}
