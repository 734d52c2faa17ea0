import { Check, Copy } from 'lucide-react';
import { useRef, useState } from 'react';

import { Button } from './button';
import { Input, Labelled } from './input';

/** A text to be taken along, and a button that does it. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<string | null>(null);
  const copy = () => {
    // Selected first: where the browser gives no clipboard (plain HTTP, or refused), it is copied by hand.
    field.current?.select();
    navigator.clipboard?.writeText(value).then(() => setCopied(value), () => setCopied(null));
  };
  return (
    <Labelled label={label}>
      {(props) => (
        <div className="flex gap-2">
          <Input {...props} ref={field} readOnly value={value} className="font-mono" onFocus={(event) => event.target.select()} />
          <Button onClick={copy}>
            {copied === value ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />}
            {copied === value ? 'Copied' : 'Copy'}
          </Button>
        </div>
      )}
    </Labelled>
  );
}
