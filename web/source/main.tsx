// Starts the page. Knows no feature.
import { render } from 'preact';
import { App } from './app.tsx';
import './styles/base.css';
import './styles/shell.css';
import './styles/chat.css';
import './styles/media.css';
import './styles/panels.css';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
