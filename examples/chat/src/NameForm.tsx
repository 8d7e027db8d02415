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
        <h1>Trunkline chat</h1>
        <label htmlFor="name">What shall we call you?</label>
        <div className="field">
          <input id="name" name="name" maxLength={24} required autoComplete="nickname" />
          <button type="submit">Come in</button>
        </div>
      </form>
    </main>
  )
}
