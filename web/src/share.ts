/** The page of a share (`/s/{share_id}`, `/embed/{share_id}`), which functions/api writes around this script. */
import './styles/tokens.css'
import './styles/base.css'
