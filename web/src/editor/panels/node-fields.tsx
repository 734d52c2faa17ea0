import { setField } from '../../collab/fields';
import { useSession } from '../../collab/use-flow-session';
import type { NodeView } from '../../collab/views';
import { applies, type JsonObject } from '../../model/spec';
import type { FieldSpec, Json, NodeSpec } from '../../model/fields.generated';
import { Field } from './field';

/** Fields most people never touch, behind a fold. */
const RARE = ['onError', 'mock'];

/** All fields of a node that apply to it as it is. */
export function NodeFields({ node, spec }: { node: NodeView; spec: NodeSpec }) {
  const scope: Scope = { node: node.id, path: [] };
  const rare = spec.fields.filter(({ name }) => RARE.includes(name));
  return (
    <>
      <Fields specs={spec.fields} only={(field) => !RARE.includes(field.name)} values={node.data} scope={scope} />
      {rare.length > 0 && (
        <details className="group rounded-lg border border-slate-200">
          <summary className="cursor-pointer px-3 py-2 text-xs font-medium text-slate-600">Errors and previews</summary>
          <div className="space-y-4 px-3 pb-3">
            <Fields specs={spec.fields} only={(field) => RARE.includes(field.name)} values={node.data} scope={scope} />
          </div>
        </details>
      )}
    </>
  );
}

/** Where fields are: in a node or in an item of one of its lists, or inside a plain object. */
export interface Scope {
  node: string;
  path: readonly string[];
  /** Fields of a plain object are written by writing the object anew. */
  write?: (name: string, value: Json | undefined) => void;
}

interface FieldsProps {
  specs: readonly FieldSpec[];
  only?: (field: FieldSpec) => boolean;
  values: JsonObject;
  scope: Scope;
}

export function Fields({ specs, only = () => true, values, scope }: FieldsProps) {
  const { flow } = useSession();
  return specs
    .filter((field) => only(field) && applies(field.when, specs, values))
    .map((field) => {
      const at = { node: scope.node, path: [...scope.path, field.name] };
      const set = (value: Json | undefined) => (scope.write ? scope.write(field.name, value) : setField(flow, at, value));
      return <Field key={field.name} spec={field} value={values[field.name]} at={at} set={set} />;
    });
}
