"""What every act leaves behind in its own transaction: an audit entry, a message to who is subscribed."""
