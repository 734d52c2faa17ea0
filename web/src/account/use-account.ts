import { useStore } from 'zustand';

import type { User } from '../api/types';
import { account, type Account } from './session';

export function useAccount(): Account {
  return useStore(account);
}

/** Who is signed in. Only for what is shown to people who are. */
export function useUser(): User {
  const user = useStore(account, (now) => (now.kind === 'signed-in' ? now.user : null));
  if (!user) throw new Error('this is shown to people who are signed in only');
  return user;
}
