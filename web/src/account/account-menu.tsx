import { useMutation } from '@tanstack/react-query';
import { LogOut, Settings } from 'lucide-react';
import { useLocation } from 'wouter';

import { colorOf } from '../model/color';
import { Avatar } from '../ui/avatar';
import { Menu, MenuItem, MenuNote } from '../ui/menu';
import { signOut } from './session';
import { useUser } from './use-account';

export function AccountMenu() {
  const user = useUser();
  const [, navigate] = useLocation();
  const leave = useMutation({ mutationFn: signOut });
  return (
    <Menu
      trigger={
        <button type="button" aria-label="Account" className="rounded-full">
          <Avatar name={user.name} color={colorOf(user.id)} title={user.name} />
        </button>
      }
    >
      <MenuNote>{user.name}</MenuNote>
      <MenuNote>{user.email}</MenuNote>
      <MenuItem onSelect={() => navigate('/account')}>
        <Settings size={15} aria-hidden /> Account settings
      </MenuItem>
      <MenuItem onSelect={() => leave.mutate()}>
        <LogOut size={15} aria-hidden /> {leave.isError ? 'Sign out (server away, try again)' : 'Sign out'}
      </MenuItem>
    </Menu>
  );
}
