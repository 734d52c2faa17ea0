export function Avatar({ name, color, title }: { name: string; color: string; title?: string }) {
  return (
    <span
      role="img"
      aria-label={title ?? name}
      title={title ?? name}
      className="inline-flex size-7 shrink-0 items-center justify-center rounded-full text-xs font-semibold text-white ring-2 ring-white select-none"
      style={{ backgroundColor: color }}
    >
      {initials(name)}
    </span>
  );
}

/** Of the name alone: what the server adds to a guest’s is none of it. */
export function initials(name: string): string {
  const words = name.trim().replace(/ \(guest\)$/, '').split(/\s+/);
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked.map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase() || '?';
}
