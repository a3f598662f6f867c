"""What pre-authenticated requests mean, whatever the door: how one is made, what its URL says, what it grants, and when it goes."""
