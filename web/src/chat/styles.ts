/** Of the widget alone: it lives in a shadow tree. Pages set the custom properties. */
export const STYLES = `
:host {
  --chat-accent: var(--interflow-accent, #4f46e5);
  --chat-accent-text: var(--interflow-accent-text, #fff);
  --chat-background: var(--interflow-background, #fff);
  --chat-text: var(--interflow-text, #18181b);
  --chat-bubble: var(--interflow-bubble, #f4f4f5);
  font: 15px/1.5 var(--interflow-font, system-ui, sans-serif);
  color: var(--chat-text);
  display: block;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
.panel { display: flex; flex-direction: column; height: 100%; min-height: 20rem; background: var(--chat-background); }
:host([mode='bubble']) { position: fixed; right: 1rem; bottom: 1rem; z-index: 2147483000; }
:host([mode='bubble']) .panel {
  width: min(24rem, calc(100vw - 2rem)); height: min(36rem, calc(100vh - 6rem)); margin-bottom: .75rem;
  border-radius: 1rem; box-shadow: 0 10px 40px rgb(0 0 0 / .2); overflow: hidden;
}
:host([mode='bubble']) .panel[hidden] { display: none; }
.launch {
  display: none; margin-left: auto; width: 3.5rem; height: 3.5rem; border: 0; border-radius: 50%; cursor: pointer;
  background: var(--chat-accent); color: var(--chat-accent-text); font-size: 1.5rem;
}
:host([mode='bubble']) .launch { display: block; }
.launch svg { display: block; margin: auto; }
header { display: flex; align-items: center; gap: .5rem; padding: .75rem 1rem; background: var(--chat-accent); color: var(--chat-accent-text); }
header h2 { flex: 1; margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
header button { border: 1px solid currentcolor; border-radius: .5rem; background: none; color: inherit; font: inherit; font-size: .85rem; padding: .15rem .6rem; cursor: pointer; }
.log { flex: 1; overflow-y: auto; padding: 1rem; display: flex; flex-direction: column; gap: .5rem; }
.bot, .own { max-width: 85%; padding: .5rem .75rem; border-radius: 1rem; overflow-wrap: anywhere; }
.bot { align-self: flex-start; background: var(--chat-bubble); }
.own { align-self: flex-end; background: var(--chat-accent); color: var(--chat-accent-text); white-space: pre-wrap; }
.bot :is(p, ul, ol, pre, h1, h2, h3, h4, h5, h6, blockquote) { margin: 0 0 .35rem; }
.bot :last-child { margin-bottom: 0; }
.bot img, .bot video { max-width: 100%; border-radius: .5rem; }
.bot pre { overflow-x: auto; }
.card { display: flex; flex-direction: column; gap: .35rem; min-width: 12rem; }
.carousel { display: flex; gap: .75rem; overflow-x: auto; }
.typing { align-self: flex-start; padding: .25rem .75rem; opacity: .6; }
.state { padding: .35rem 1rem; font-size: .85rem; background: #fef3c7; color: #78350f; }
form { padding: .75rem; border-top: 1px solid rgb(0 0 0 / .1); display: flex; flex-wrap: wrap; gap: .5rem; }
form :is(input, textarea) { flex: 1 1 10rem; min-width: 0; font: inherit; padding: .5rem .75rem; border: 1px solid #71717a; border-radius: .5rem; color: inherit; background: inherit; }
form label { display: flex; align-items: center; gap: .5rem; width: 100%; }
form label input { flex: none; }
form.over { outline: 2px dashed var(--chat-accent); outline-offset: -4px; }
/* The browser's own word for what is chosen is not ours: files are listed below. */
form input[type='file'] { flex-basis: 100%; color: transparent; cursor: pointer; }
form input[type='file']::file-selector-button { font: inherit; color: var(--chat-accent); background: none; border: 0; padding: 0; cursor: pointer; }
form :is(.hint, .problem) { flex-basis: 100%; margin: 0; font-size: .85rem; }
form :is(.hint, .problem):empty { display: none; }
.problem { color: #b91c1c; }
.files { flex-basis: 100%; margin: 0; padding: 0; list-style: none; display: flex; flex-direction: column; gap: .35rem; }
.files:empty { display: none; }
.files li { display: flex; align-items: center; gap: .5rem; }
.files .name { flex: 1; overflow-wrap: anywhere; }
.files progress { width: 6rem; accent-color: var(--chat-accent); }
.files button { padding: .1rem .5rem; }
form button:disabled { opacity: .5; cursor: default; }
form button[hidden], .files progress[hidden] { display: none; }
form button, .option { font: inherit; padding: .5rem .9rem; border-radius: .5rem; border: 1px solid var(--chat-accent); background: var(--chat-background); color: var(--chat-accent); cursor: pointer; }
form button.send { background: var(--chat-accent); color: var(--chat-accent-text); }
:is(button, input, textarea, a):focus-visible { outline: 3px solid var(--chat-accent); outline-offset: 2px; }
@media (prefers-reduced-motion: no-preference) { .log { scroll-behavior: smooth; } }
`;
