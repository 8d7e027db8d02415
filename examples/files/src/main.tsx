import '@fontsource-variable/figtree/wght.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { dial } from './line.ts'
import { Page } from './Page.tsx'
import './styles.css'

const root = document.getElementById('root')
const line = dial()
if (root)
  createRoot(root).render(
    <StrictMode>
      <Page line={line} />
    </StrictMode>,
  )
