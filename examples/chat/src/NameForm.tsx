// The first question.
export function NameForm({ onName }: { onName: (name: string) => void }) {
  return (
    <main className="welcome">
      <form
        action={(data) => {
          const name = String(data.get('name')).trim()
          if (name) onName(name)
        }}
      >
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="10" />
          <path d="M7 11.5h18M7 16h18M7 20.5h11" />
        </svg>
        <h1>Trunkline chat</h1>
        <label htmlFor="name">What shall we call you?</label>
        {/* biome-ignore lint/a11y/noAutofocus: the only field of the page */}
        <input id="name" name="name" maxLength={24} required autoComplete="nickname" autoFocus />
        <button type="submit">Come in</button>
      </form>
    </main>
  )
}
