// Line drawings on a grid of 20, in the colour of the text around them. For the eye only: whoever uses one gives it words.
const paths = {
  up: 'M10 13.5V4M5.5 8.5L10 4l4.5 4.5M4 16.5h12',
  down: 'M10 4v9.5M5.5 9L10 13.5 14.5 9M4 16.5h12',
  pause: 'M7 5v10M13 5v10',
  goOn: 'M7 4.5v11l8.5-5.5z',
  cancel: 'M5 5l10 10M15 5L5 15',
  bin: 'M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.5 9v4.5M11.5 9v4.5',
  done: 'M4.5 10.5l4 4 7-8.5',
  warning: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6.3v4.4M10 13.6v.01',
}

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
