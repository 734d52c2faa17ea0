import { createContext, useContext } from 'react';

/** Whether this person may change the flow right now. */
export const EditableContext = createContext(false);

export function useEditable(): boolean {
  return useContext(EditableContext);
}
