import { GroupNode, NoteNode } from './frame-nodes';
import { StepNode } from './step-node';

/** How the canvas draws each kind of node. Types this release does not know are steps too. */
export const nodeTypes = { step: StepNode, note: NoteNode, group: GroupNode };
